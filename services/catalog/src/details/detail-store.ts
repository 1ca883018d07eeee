import type { Database } from '@inferry/database';
import type { ProviderModel } from '@inferry/providers';

/** What a provider said of one model, asked for it alone. */
export interface ModelDetail {
  model: ProviderModel;
  /** Fingerprint of the summary that it was asked for with. */
  listedAs: string;
  describedAt: number;
}

export class DetailStore {
  readonly #queries: Database['queries'];

  constructor(database: Database) {
    this.#queries = database.queries;
  }

  async read(id: string): Promise<ModelDetail | undefined> {
    const row = await this.#queries
      .selectFrom('model_details')
      .selectAll()
      .where('model', '=', id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    // as: only this service writes the column, from a ProviderModel.
    const model = JSON.parse(row.document) as ProviderModel;
    return { model, listedAs: row.listed_as, describedAt: row.described_at };
  }

  async write(id: string, provider: string, detail: ModelDetail): Promise<void> {
    const values = {
      document: JSON.stringify(detail.model),
      listed_as: detail.listedAs,
      described_at: detail.describedAt,
    };
    await this.#queries
      .insertInto('model_details')
      .values({ model: id, provider, ...values })
      .onConflict((conflict) => conflict.column('model').doUpdateSet(values))
      .execute();
  }
}
