/**
 * The wrappers of one scope (everybody's, or one owner's) in memory, to be found: read again where their version is another
 * one, and judged again where their base model is.
 */
import { AppError, type Problem } from '@inferry/contracts';
import type { OwnedWrapperRow, WrapperVersion } from '@inferry/database/wrappers';
import type { ListedModels } from '../listed-models.ts';
import type { ModelCard } from '../model-card.ts';
import { SearchIndex } from '../search/search-index.ts';
import { createTimeSlice } from '../time-slice.ts';
import type { CompiledDefinition } from './check-definition.ts';
import { basesOf, type ReadCompiled, toWrapperCard, toWrapperDocument } from './wrapper-document.ts';

export interface WrapperListOptions {
  models(): ListedModels;
  compile: ReadCompiled;
  /** What the default base model no longer takes; nothing where that cannot be told without asking its platform. */
  problemsOf(compiled: CompiledDefinition): Promise<Problem[]>;
  read(ids: readonly string[]): Promise<OwnedWrapperRow[]>;
}

interface Entry {
  card: ModelCard;
  base: string;
  /** What its card was made of. */
  made: string;
}

const rowsAtOnce = 50;

export class WrapperList {
  readonly #options: WrapperListOptions;
  readonly #entries = new Map<string, Entry>();
  readonly index = new SearchIndex();

  constructor(options: WrapperListOptions) {
    this.#options = options;
  }

  cards(): ModelCard[] {
    return [...this.#entries.values()].flatMap(({ card }) => this.index.get(card.id) ?? []);
  }

  /** Makes the list what these versions say. */
  async update(versions: readonly WrapperVersion[]): Promise<void> {
    const wanted = new Set(versions.map(({ wrapper_id: id }) => id));
    for (const [id, { card }] of this.#entries) {
      if (wanted.has(id)) continue;
      this.#entries.delete(id);
      this.index.remove(card.id);
    }
    const stale = versions.filter((version) => this.#isStale(version)).map(({ wrapper_id: id }) => id);
    const pause = createTimeSlice();
    for (let from = 0; from < stale.length; from += rowsAtOnce) {
      for (const row of await this.#options.read(stale.slice(from, from + rowsAtOnce))) {
        await pause();
        await this.#put(row);
      }
    }
  }

  #isStale(version: WrapperVersion): boolean {
    const entry = this.#entries.get(version.wrapper_id);
    return entry === undefined || entry.made !== this.#madeOf(version, entry.base);
  }

  #madeOf({ version, owner }: WrapperVersion, base: string): string {
    const models = this.#options.models();
    const card = models.get(base);
    return [version, owner, models.curation.version, card?.fingerprint, card?.updatedAt, card?.isLive].join();
  }

  async #put(row: OwnedWrapperRow): Promise<void> {
    const { models, compile, problemsOf } = this.#options;
    const compiled = attempt(() => compile(row));
    const before = this.#entries.get(row.wrapper_id);
    if (before !== undefined) this.index.remove(before.card.id);
    if (compiled === undefined) return;
    const [base] = basesOf(compiled.definition);
    const made = this.#madeOf(row, base);
    const problems = await problemsOf(compiled);
    const listed = toWrapperCard(toWrapperDocument(row, { compiled, models: models(), problems }));
    const { curation } = models();
    const card = curation.apply(listed);
    this.#entries.set(row.wrapper_id, { card, base, made });
    if (!curation.isHidden(card.id)) this.index.put(card);
  }
}

/** What another release stored and this one cannot read is found by nobody. */
function attempt(work: () => CompiledDefinition): CompiledDefinition | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
