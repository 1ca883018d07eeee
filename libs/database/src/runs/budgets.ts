/** What subjects may spend: budgets, what is spent and held of them, and what a new run may hold. */
import { AppError, callOf, estimateCost, hint } from '@inferry/contracts';
import { sql, type Transaction } from 'kysely';
import type { Dialect, Queries } from '../database.ts';
import type { BudgetTable, RunRow, Schema } from '../schema.ts';
import { type ExchangeRates, noExchangeRates } from './exchange-rates.ts';

export type BudgetPeriod = 'day' | 'month' | 'total';

/** The subject of a budget that every subject has for itself, unless it has one of the same period and currency. */
export const everySubject = '*';

export interface BudgetState {
  period: BudgetPeriod;
  currency: string;
  limitMicros: number;
  /** Charged in this period, by whatever currency the budget holds. */
  spentMicros: number;
  /** Held now by runs that have not ended. */
  heldMicros: number;
  /** When the period ends; undefined for `total`. */
  resetsAt: number | undefined;
  /** The budget of everybody, and not the subject's own. */
  isDefault: boolean;
  /** A currency with spending that this budget cannot count, because no rate says what it is worth. */
  uncounted: string | undefined;
}

/** What a run may hold whose price nobody knows. */
export interface UnpricedRuns {
  /** `deny`: it is refused where a budget holds it. `allow`: it holds nothing and counts as nothing. */
  policy: 'deny' | 'allow' | 'cap';
  /** What it counts as with `cap`, in the currency of the run; undefined: all that is left. */
  capMicros?: number | undefined;
}

/** By what rules budgets are counted. */
export interface BudgetRules {
  now: number;
  rates?: ExchangeRates | undefined;
  unpriced?: UnpricedRuns | undefined;
}

export interface WantedMoney {
  currency: string;
  /** The most that the run can cost; undefined when nobody knows. */
  wantedMicros: number | undefined;
  /** The least that it costs, where that is known. */
  leastMicros?: number | undefined;
}

export interface ReservationRequest extends WantedMoney, BudgetRules {
  subject: string;
  dialect: Dialect;
  existing(): Promise<RunRow | undefined>;
}

export type Reservation = { kind: 'reserved'; micros: number } | { kind: 'replay'; row: RunRow };

/**
 * What a new run may hold. The subject's money is locked first, so that two runs never get the same, and a replay is
 * looked for under that lock, so that it is never refused for what its own first try holds. The budgets are read after
 * the lock: one that is being changed counts as it was before or as it is afterwards, never as if there were none.
 */
export async function reserveBudget(
  queries: Transaction<Schema>,
  request: ReservationRequest,
): Promise<Reservation> {
  const { subject } = request;
  const isBound = (await readBudgets(queries, subject)).length > 0;
  // SQLite has one writer at a time, who is this transaction.
  if (isBound && request.dialect === 'postgres') await lockMoneyOf(queries, subject);
  const row = await request.existing();
  if (row !== undefined) return { kind: 'replay', row };
  if (!isBound) return { kind: 'reserved', micros: request.wantedMicros ?? 0 };
  const states = await readBudgetStates(queries, subject, request);
  return { kind: 'reserved', micros: holdable(states, request) };
}

/** Whoever holds it until the end of the transaction is the only one that reserves for the subject. */
async function lockMoneyOf(queries: Transaction<Schema>, subject: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${subject}, 7316499202))`.execute(queries);
}

/**
 * How much a run of this price holds of the budgets, in its own currency. Throws `budget_exceeded`, `price_unknown` or
 * `budget_currency_mismatch` where it may not be run. A run is held by the budgets of its currency, and where there is
 * none of that by all others, at the rates that there are.
 */
export function holdable(states: readonly BudgetState[], rules: WantedMoney & BudgetRules): number {
  const { currency, wantedMicros, leastMicros = 0 } = rules;
  if (states.length === 0 || wantedMicros === 0) return wantedMicros ?? 0;
  const same = states.filter((state) => state.currency === currency);
  const held = (same.length > 0 ? same : states).map((state) => ({ state, left: leftIn(state, rules) }));
  const tightest = held.reduce((least, each) => (each.left < least.left ? each : least));
  const { state, left } = tightest;
  if (wantedMicros !== undefined) {
    if (wantedMicros > left) throw budgetExceeded(tightest, rules);
    return wantedMicros;
  }
  const { policy, capMicros = left } = rules.unpriced ?? { policy: 'cap' };
  if (policy === 'allow') return 0;
  if (policy === 'deny') throw priceUnknown(state);
  if (left === 0 || leastMicros > left) throw budgetExceeded(tightest, rules);
  return Math.min(left, Math.max(capMicros, leastMicros));
}

/** What the tightest of the budgets leaves for a run in this currency; undefined where none binds it. */
export function leftFor(
  states: readonly BudgetState[],
  rules: Pick<WantedMoney, 'currency'> & BudgetRules,
): number | undefined {
  const same = states.filter((state) => state.currency === rules.currency);
  const left = (same.length > 0 ? same : states).map((state) => leftIn(state, rules));
  return left.length === 0 ? undefined : Math.min(...left);
}

/** Every budget that holds a subject, its own and those of everybody, with what is spent and held of it. */
export async function readBudgetStates(
  queries: Queries,
  subject: string,
  at: number | BudgetRules,
): Promise<BudgetState[]> {
  const rules = typeof at === 'number' ? { now: at } : at;
  const rows = await readBudgets(queries, subject);
  if (rows.length === 0) return [];
  const held = await readHeld(queries, subject);
  const own = new Set(rows.map(({ currency }) => currency));
  return Promise.all(
    rows.map(async (budget) => {
      const { start, end } = periodBounds(budget.period, rules.now);
      const spent = await readSpent(queries, subject, start);
      const count = (sums: ReadonlyMap<string, number>) => countIn(budget.currency, sums, { own, rules });
      const [spending, holding] = [count(spent), count(held)];
      return {
        // as: `setBudget` is the only writer of this column.
        period: budget.period as BudgetPeriod,
        currency: budget.currency,
        limitMicros: budget.limit_micros,
        spentMicros: spending.micros,
        heldMicros: holding.micros,
        resetsAt: end,
        isDefault: budget.subject === everySubject,
        uncounted: spending.uncounted ?? holding.uncounted,
      };
    }),
  );
}

/** Sets what a subject may spend in a period; undefined removes the limit. There is no moment without one in between. */
export async function setBudget(
  queries: Queries,
  budget: { subject: string; period: BudgetPeriod; currency: string; limitMicros: number | undefined },
): Promise<void> {
  const { subject, period, currency, limitMicros } = budget;
  if (limitMicros !== undefined) {
    await queries
      .insertInto('budgets')
      .values({ subject, period, currency, limit_micros: limitMicros })
      .onConflict((conflict) =>
        conflict.columns(['subject', 'period', 'currency']).doUpdateSet({ limit_micros: limitMicros }),
      )
      .execute();
    return;
  }
  await queries
    .deleteFrom('budgets')
    .where('subject', '=', subject)
    .where('period', '=', period)
    .where('currency', '=', currency)
    .execute();
}

/** A budget of everybody gives way to the subject's own of the same period and currency. */
async function readBudgets(queries: Queries, subject: string): Promise<BudgetTable[]> {
  const rows = await queries
    .selectFrom('budgets')
    .selectAll()
    .where('subject', 'in', [subject, everySubject])
    .orderBy('currency')
    .orderBy('period')
    .execute();
  const isReplaced = (row: BudgetTable) =>
    rows.some(
      (other) => other.subject === subject && other.period === row.period && other.currency === row.currency,
    );
  return rows.filter((row) => row.subject === subject || !isReplaced(row));
}

async function readSpent(queries: Queries, subject: string, since: number): Promise<Map<string, number>> {
  const rows = await queries
    .selectFrom('ledger')
    .select('currency')
    .select(({ fn }) => fn.sum<number | string | null>('amount_micros').as('micros'))
    .where('subject', '=', subject)
    .where('kind', '=', 'charge')
    .where('at', '>=', since)
    .groupBy('currency')
    .execute();
  return toSums(rows);
}

async function readHeld(queries: Queries, subject: string): Promise<Map<string, number>> {
  const rows = await queries
    .selectFrom('runs')
    .select('currency')
    .select(({ fn }) => fn.sum<number | string | null>('reserved_micros').as('micros'))
    .where('subject', '=', subject)
    // Written out, not bound: only then is the partial index used.
    .where(sql<boolean>`phase <> 'done'`)
    .groupBy('currency')
    .execute();
  return toSums(rows);
}

function toSums(rows: readonly { currency: string; micros: number | string | null }[]): Map<string, number> {
  return new Map(rows.map(({ currency, micros }) => [currency, Number(micros ?? 0)]));
}

/** The sums that a budget of this currency counts: its own, and every other that has no budget of its own. */
function countIn(
  currency: string,
  sums: ReadonlyMap<string, number>,
  { own, rules }: { own: ReadonlySet<string>; rules: BudgetRules },
): { micros: number; uncounted: string | undefined } {
  const rates = rules.rates ?? noExchangeRates;
  let micros = 0;
  let uncounted: string | undefined;
  for (const [other, sum] of sums) {
    if (other !== currency && own.has(other)) continue;
    const converted = rates.convert(sum, other, currency);
    if (converted === undefined) uncounted = other;
    else micros += Math.ceil(converted);
  }
  return { micros, uncounted };
}

/** What a budget leaves, in the currency of a run. Throws where no rate says. */
function leftIn(
  state: BudgetState,
  { currency, rates }: Pick<WantedMoney, 'currency'> & BudgetRules,
): number {
  const left = Math.max(0, state.limitMicros - state.spentMicros - state.heldMicros);
  const converted = (rates ?? noExchangeRates).convert(left, state.currency, currency);
  if (state.uncounted !== undefined) throw currencyMismatch(state, state.uncounted);
  // Nothing left is nothing in every currency, but that is for whoever knows the rate to say.
  if (converted === undefined || (left === 0 && !hasRate(rates, state.currency, currency))) {
    throw currencyMismatch(state, currency);
  }
  return Math.floor(converted);
}

function hasRate(rates: ExchangeRates | undefined, from: string, to: string): boolean {
  return (rates ?? noExchangeRates).convert(1, from, to) !== undefined;
}

function periodBounds(period: string, now: number): { start: number; end: number | undefined } {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  if (period === 'day') return { start: Date.UTC(year, month, day), end: Date.UTC(year, month, day + 1) };
  if (period === 'month') return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
  return { start: 0, end: undefined };
}

const toUnits = (micros: number) => micros / 1_000_000;

function detailsOf(state: BudgetState) {
  const left = Math.max(0, state.limitMicros - state.spentMicros - state.heldMicros);
  return {
    period: state.period,
    currency: state.currency,
    limit: toUnits(state.limitMicros),
    left: toUnits(left),
    spent: toUnits(state.spentMicros),
    reserved: toUnits(state.heldMicros),
    ...(state.resetsAt === undefined ? {} : { resets_at: new Date(state.resetsAt).toISOString() }),
  };
}

function budgetExceeded({ state }: { state: BudgetState }, wanted: WantedMoney): AppError {
  const { wantedMicros, leastMicros = 0, currency } = wanted;
  const { left, limit } = detailsOf(state);
  const amount = (micros: number) => `${toUnits(micros)}${currency === state.currency ? '' : ` ${currency}`}`;
  const unknown = leastMicros > 0 ? `it costs ${amount(leastMicros)} or more` : 'its price is unknown';
  const cost = wantedMicros === undefined ? unknown : `it may cost ${amount(wantedMicros)}`;
  return new AppError(
    'budget_exceeded',
    `The ${state.period} budget has ${left} ${state.currency} left of ${limit}; ${cost}. Nothing was run or charged.`,
    {
      nextAction: 'Choose a cheaper model or input, wait for running runs to end, or have the budget raised.',
      details: detailsOf(state),
    },
  );
}

function priceUnknown(state: BudgetState): AppError {
  return new AppError(
    'price_unknown',
    `The price of this run is not known before it, and a ${state.period} budget in ${state.currency} cannot hold it. Nothing was run or charged.`,
    {
      nextAction: `Choose a model whose price is known${hint` (${callOf(estimateCost)} tells)`}, or ask whoever runs this server.`,
      details: detailsOf(state),
    },
  );
}

function currencyMismatch(state: BudgetState, currency: string): AppError {
  return new AppError(
    'budget_currency_mismatch',
    `The ${state.period} budget is in ${state.currency} and cannot count ${currency}. Nothing was run or charged.`,
    {
      nextAction: `Choose a model that is priced in ${state.currency}, or ask whoever runs this server for an exchange rate or a budget in ${currency}.`,
      details: { ...detailsOf(state), other_currency: currency },
    },
  );
}
