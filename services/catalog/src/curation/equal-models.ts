/**
 * Models of several platforms that an operator says do the same: which of them a run is sent to, by their order, by price,
 * by how long runs of them took here lately, or by how often those failed.
 */
import { AppError, type EqualChoice, type JsonObject, type PreparedModel } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import { type FieldNames, toCallersFields, toCallersQuote, toModelFields } from './equal-fields.ts';

export interface EqualModels {
  models: readonly string[];
  /** By model, where its fields have names of their own. */
  fields: Readonly<Record<string, FieldNames>>;
  choose: EqualChoice;
  /** Whether a run goes on to the next where one certainly took nothing. */
  failover: boolean;
}

type Prepare = (input: JsonObject) => Promise<PreparedModel>;

/** What became of the last runs of each model, as this replica heard. */
export class ModelRecords {
  readonly #ends = new Map<string, { isGood: boolean; ms: number | undefined; at: number }[]>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  note(
    model: string,
    { status, duration_ms: ms }: { status: string; duration_ms?: number | undefined },
  ): void {
    // What its caller stopped says nothing of the model.
    if (status === 'cancelled') return;
    const ends = this.#ends.get(model) ?? [];
    const isGood = status === 'succeeded';
    ends.push({ isGood, ms: isGood ? ms : undefined, at: this.#now() });
    this.#ends.delete(model);
    this.#ends.set(model, ends.slice(-keptEnds));
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > keptModels && oldest !== undefined) this.#ends.delete(oldest);
  }

  /** The middle of how long they took; undefined where none is known. */
  latencyOf(model: string): number | undefined {
    const known = this.#recent(model).flatMap(({ ms }) => ms ?? []);
    return known.sort((one, other) => one - other)[Math.floor(known.length / 2)];
  }

  /** The share that succeeded; of a model that nobody ran it is taken to be all. */
  healthOf(model: string): number {
    const ends = this.#recent(model);
    return ends.length === 0 ? 1 : ends.filter(({ isGood }) => isGood).length / ends.length;
  }

  #recent(model: string): { isGood: boolean; ms: number | undefined; at: number }[] {
    const since = this.#now() - remembersMs;
    return (this.#ends.get(model) ?? []).filter(({ at }) => at >= since);
  }
}

const keptEnds = 20;
const keptModels = 2_000;
const remembersMs = 30 * 60_000;

/** Prepares with each that the caller can run; throws as the first of them where there is none. */
export async function prepareEqual(
  deps: CatalogDeps,
  { group, prepareWith }: { group: EqualModels; prepareWith: (id: string) => Promise<Prepare> },
): Promise<(input: JsonObject) => Promise<{ chosen: PreparedModel; others: PreparedModel[]; why: string }>> {
  const settled = await Promise.allSettled(
    group.models.map(async (id) => inCallersFields(fieldsOf(group, id), await prepareWith(id))),
  );
  const usable = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (usable.length === 0) {
    const [first] = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    throw first instanceof Error
      ? first
      : new AppError('model_not_found', 'None of these models can be run now.');
  }
  return async (input) => {
    const prepared = await Promise.all(usable.map((prepare) => prepare(input)));
    const fitting = prepared.filter(({ problems }) => problems.length === 0);
    const [first] = prepared;
    const [chosen = first, ...others] = inOrder(deps, group, fitting);
    if (chosen === undefined) throw new AppError('model_not_found', 'None of these models can be run now.');
    return { chosen, others, why: `${words[group.choose]} of ${Math.max(1, fitting.length)}` };
  };
}

/** How a model of the group calls its fields; undefined where it does as callers do. */
export function fieldsOf(group: EqualModels | undefined, id: string): FieldNames | undefined {
  return group !== undefined && Object.hasOwn(group.fields, id) ? group.fields[id] : undefined;
}

function inCallersFields(names: FieldNames | undefined, prepare: Prepare): Prepare {
  if (names === undefined) return prepare;
  return async (input) => {
    const prepared = await prepare(toModelFields(names, input));
    const { problems, quote } = prepared;
    return {
      ...prepared,
      problems: toCallersFields(names, problems),
      quote: toCallersQuote(names, quote),
    };
  };
}

const words: Readonly<Record<EqualChoice, string>> = {
  order: 'first',
  price: 'cheapest',
  latency: 'fastest lately',
  health: 'failed least lately',
};

function inOrder(
  { records }: CatalogDeps,
  { choose }: EqualModels,
  all: readonly PreparedModel[],
): PreparedModel[] {
  const rankOf = ({ model, quote }: PreparedModel): number => {
    if (choose === 'price') return quote.max ?? Number.POSITIVE_INFINITY;
    if (choose === 'latency') return records.latencyOf(model) ?? Number.POSITIVE_INFINITY;
    return choose === 'health' ? -records.healthOf(model) : 0;
  };
  const ranked = all.map((one) => ({ one, rank: rankOf(one) }));
  // Stable: of those that are alike, the operator's order decides.
  return ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank)).map(({ one }) => one);
}
