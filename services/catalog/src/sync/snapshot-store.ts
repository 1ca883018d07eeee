import type { Database } from '@inferry/database';
import type { ProviderModel } from '@inferry/providers';
import { createTimeSlice } from '../time-slice.ts';

/** What the database says about a provider's catalog as a whole. */
export interface StoredSnapshot {
  provider: string;
  /** Grows with each change of the models; 0 before the first one. */
  version: number;
  etag: string;
  modelCount: number;
  /** When the models last changed. */
  syncedAt: number;
  /** When the provider last answered. */
  checkedAt: number;
  /** Code of the failure since then, if there was one. */
  error: string | null;
  /** Since when its lists lack too many models to be believed. */
  suspectSince: number | null;
}

export interface StoredModel {
  id: string;
  model: ProviderModel;
  /** The stored text, for whoever compares it. */
  document: string;
  updatedAt: number;
  isDeleted: boolean;
}

export interface ModelWrite {
  id: string;
  provider: string;
  nativeId: string;
  document: string;
}

/** Small enough for the parameters of one statement and for one slice of the event loop. */
const batchSize = 50;

/** The catalog's tables. Models are written in batches and the version last, so that no transaction is long. */
export class SnapshotStore {
  readonly #queries: Database['queries'];

  constructor(database: Database) {
    this.#queries = database.queries;
  }

  async readSnapshots(): Promise<StoredSnapshot[]> {
    const rows = await this.#queries.selectFrom('catalog_snapshots').selectAll().execute();
    return rows.map((row) => ({
      provider: row.provider,
      version: row.version,
      etag: row.etag,
      modelCount: row.model_count,
      syncedAt: row.synced_at,
      checkedAt: row.checked_at,
      error: row.error,
      suspectSince: row.suspect_since,
    }));
  }

  /** Id and time of change of every listed model of a provider. */
  async readHeads(provider: string): Promise<{ id: string; updatedAt: number }[]> {
    const rows = await this.#queries
      .selectFrom('models')
      .select(['model', 'updated_at'])
      .where('provider', '=', provider)
      .where('deleted_at', 'is', null)
      .execute();
    return rows.map((row) => ({ id: row.model, updatedAt: row.updated_at }));
  }

  /** At most `batchSize` models at once; those not stored are left out. */
  async readModels(ids: readonly string[]): Promise<StoredModel[]> {
    const rows = await this.#queries
      .selectFrom('models')
      .select(['model', 'document', 'updated_at', 'deleted_at'])
      .where('model', 'in', ids.slice(0, batchSize))
      .execute();
    return rows.map((row) => ({
      id: row.model,
      // as: only this service writes the column, from a ProviderModel.
      model: JSON.parse(row.document) as ProviderModel,
      document: row.document,
      updatedAt: row.updated_at,
      isDeleted: row.deleted_at !== null,
    }));
  }

  async writeModels(models: readonly ModelWrite[], updatedAt: number): Promise<void> {
    const pause = createTimeSlice();
    for (const batch of inBatches(models)) {
      await pause();
      const rows = batch.map(({ id, provider, nativeId, document }) => ({
        model: id,
        provider,
        native_id: nativeId,
        document,
        deleted_at: null,
        updated_at: updatedAt,
      }));
      await this.#queries
        .insertInto('models')
        .values(rows)
        .onConflict((conflict) =>
          conflict.column('model').doUpdateSet((row) => ({
            document: row.ref('excluded.document'),
            deleted_at: null,
            updated_at: row.ref('excluded.updated_at'),
          })),
        )
        .execute();
    }
  }

  /** Keeps the rows, since old runs still name them. */
  async markDeleted(ids: readonly string[], at: number): Promise<void> {
    const pause = createTimeSlice();
    for (const batch of inBatches(ids)) {
      await pause();
      await this.#queries
        .updateTable('models')
        .set({ deleted_at: at, updated_at: at })
        .where('model', 'in', batch)
        .execute();
    }
  }

  /** False when somebody else wrote a newer version meanwhile. */
  async writeSnapshot(snapshot: StoredSnapshot): Promise<boolean> {
    const values = toRow(snapshot);
    const inserted = await this.#queries
      .insertInto('catalog_snapshots')
      .values(values)
      .onConflict((conflict) => conflict.column('provider').doNothing())
      .executeTakeFirst();
    if (Number(inserted.numInsertedOrUpdatedRows ?? 0) > 0) return true;
    const updated = await this.#queries
      .updateTable('catalog_snapshots')
      .set(values)
      .where('provider', '=', snapshot.provider)
      .where('version', '=', snapshot.version - 1)
      .executeTakeFirst();
    return Number(updated.numUpdatedRows) > 0;
  }

  /** The provider answered, and there is nothing new. */
  async recordCheck(provider: string, etag: string, checkedAt: number): Promise<void> {
    await this.#queries
      .updateTable('catalog_snapshots')
      .set({ etag, checked_at: checkedAt, error: null, suspect_since: null })
      .where('provider', '=', provider)
      .execute();
  }

  /** The provider answered with a list that is not believed yet; it is asked for the whole list again. */
  async recordSuspicion(provider: string, error: string, since: number): Promise<void> {
    await this.#queries
      .updateTable('catalog_snapshots')
      .set({ etag: '', error, suspect_since: since })
      .where('provider', '=', provider)
      .execute();
  }

  async recordFailure(provider: string, error: string): Promise<void> {
    const never = { version: 0, etag: '', modelCount: 0, syncedAt: 0, checkedAt: 0, suspectSince: null };
    const nothing = { provider, ...never, error };
    await this.#queries
      .insertInto('catalog_snapshots')
      .values(toRow(nothing))
      .onConflict((conflict) => conflict.column('provider').doUpdateSet({ error }))
      .execute();
  }
}

export function* inBatches<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += batchSize) yield items.slice(from, from + batchSize);
}

function toRow(snapshot: StoredSnapshot) {
  return {
    provider: snapshot.provider,
    version: snapshot.version,
    etag: snapshot.etag,
    model_count: snapshot.modelCount,
    synced_at: snapshot.syncedAt,
    checked_at: snapshot.checkedAt,
    error: snapshot.error,
    suspect_since: snapshot.suspectSince,
  };
}
