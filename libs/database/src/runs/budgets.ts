/** What may be spent: limits with what is spent and held of them, and what a new run may hold. */
import { AppError, callOf, estimateCost, hint } from '@inferry/contracts';
import { sql, type Transaction } from 'kysely';
import type { Dialect, Queries } from '../database.ts';
import type { Schema } from '../schema.ts';
import {
  type BudgetScope,
  type Limit,
  type LimitKey,
  type Payer,
  readHeld,
  readLimits,
  readSpent,
  type Sums,
} from './spending-limits.ts';
import { windowBounds } from './windows.ts';

export interface BudgetState {
  scope: BudgetScope;
  /** Whose it is; empty for the deployment. */
  value: string;
  /** Its window, see `parseWindow`. */
  period: string;
  timeZone: string;
  currency: string;
  limitMicros: number;
  /** Charged in this period, by whatever currency the budget holds. */
  spentMicros: number;
  /** Held now by runs that have not ended. */
  heldMicros: number;
  /** When the period ends; undefined for one that has no end. */
  resetsAt: number | undefined;
  /** The budget of everybody, and not an own one. */
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

interface ReservationRequest<T> extends WantedMoney, BudgetRules {
  payer: Payer;
  dialect: Dialect;
  existing(): Promise<T | undefined>;
}

type Reservation<T> = { kind: 'reserved'; micros: number; isBound: boolean } | { kind: 'replay'; row: T };

/**
 * What a new run may hold. The money of every scope that limits it is locked first, so that two runs never get the same, and
 * a replay is looked for under that lock, so that it is never refused for what its own first try holds. The limits are read
 * after the lock: one that is being changed counts as it was before or as it is afterwards, never as if there were none.
 */
export async function reserveBudget<T>(
  queries: Transaction<Schema>,
  request: ReservationRequest<T>,
): Promise<Reservation<T>> {
  const { payer } = request;
  const limits = await readLimits(queries, payer);
  // SQLite has one writer at a time, who is this transaction.
  if (request.dialect === 'postgres') await lockMoneyOf(queries, limits);
  const row = await request.existing();
  if (row !== undefined) return { kind: 'replay', row };
  if (limits.length === 0) return { kind: 'reserved', micros: request.wantedMicros ?? 0, isBound: false };
  const states = await readBudgetStates(queries, payer, request);
  return { kind: 'reserved', micros: holdable(states, request), isBound: true };
}

/** Whoever holds them until the end of the transaction is the only one that reserves there. In one order, so that none wait for each other. */
async function lockMoneyOf(queries: Transaction<Schema>, limits: readonly Limit[]): Promise<void> {
  const names = limits.map(({ scope, value }) => (scope === 'subject' ? value : `${scope} ${value}`));
  const isSubject = new Map(limits.map(({ scope }, index) => [names[index], scope === 'subject']));
  for (const name of new Set(names)) {
    // A subject's lock is the one that releases before this one take.
    const key = isSubject.get(name) === true ? 7_316_499_202 : 7_316_499_203;
    await sql`select pg_advisory_xact_lock(hashtextextended(${name}, ${sql.lit(key)}))`.execute(queries);
  }
}

/**
 * How much a run of this price holds of the budgets, in its own currency. Throws `budget_exceeded`, `price_unknown` or
 * `budget_currency_mismatch` where it may not be run. A run is held by the budgets of its currency, and where there is
 * none of that by all others, at the rates that there are.
 */
export function holdable(states: readonly BudgetState[], rules: WantedMoney & BudgetRules): number {
  const { currency, wantedMicros, leastMicros = 0 } = rules;
  if (states.length === 0 || wantedMicros === 0) return wantedMicros ?? 0;
  const held = binding(states, currency).map((state) => ({ state, left: leftIn(state, rules) }));
  const tightest = held.reduce((least, each) => (each.left < least.left ? each : least));
  // Of those that refuse it, the caller's own: of that figures can be told.
  const refusing = (needed: number) =>
    held.find(({ state, left }) => state.scope === 'subject' && left < needed) ?? tightest;
  const { state, left } = tightest;
  if (wantedMicros !== undefined) {
    if (wantedMicros > left) throw budgetExceeded(refusing(wantedMicros), rules);
    return wantedMicros;
  }
  const { policy, capMicros = left } = rules.unpriced ?? { policy: 'cap' };
  if (policy === 'allow') return 0;
  if (policy === 'deny') throw priceUnknown(state);
  if (left === 0 || leastMicros > left) throw budgetExceeded(refusing(Math.max(1, leastMicros)), rules);
  return Math.min(left, Math.max(capMicros, leastMicros));
}

/** A run is held by a scope's limits in its own currency, and where that has none by all others of the scope. */
function binding(states: readonly BudgetState[], currency: string): BudgetState[] {
  const isSame = (state: BudgetState, other: BudgetState) =>
    state.scope === other.scope && state.value === other.value;
  return states.filter(
    (state) =>
      state.currency === currency ||
      !states.some((other) => isSame(state, other) && other.currency === currency),
  );
}

/** What the tightest of a subject's own budgets leaves for a run in this currency; undefined where none binds it. */
export function leftFor(
  states: readonly BudgetState[],
  rules: Pick<WantedMoney, 'currency'> & BudgetRules,
): number | undefined {
  // What others spent is not for the caller to know.
  const own = binding(states, rules.currency).filter(({ scope }) => scope === 'subject');
  const left = own.map((state) => leftIn(state, rules));
  return left.length === 0 ? undefined : Math.min(...left);
}

/** Every limit that holds a payer, own ones and those of everybody, with what is spent and held of it. */
export async function readBudgetStates(
  queries: Queries,
  payer: string | Payer,
  at: number | BudgetRules,
): Promise<BudgetState[]> {
  const rules = typeof at === 'number' ? { now: at } : at;
  const limits = await readLimits(queries, typeof payer === 'string' ? { subject: payer } : payer);
  const states: BudgetState[] = [];
  const held = new Map<string, Sums>();
  for (const limit of limits) {
    const scope = `${limit.scope} ${limit.value}`;
    const holding = held.get(scope) ?? (await readHeld(queries, limit));
    held.set(scope, holding);
    const own = new Set(
      limits
        .filter((other) => other.scope === limit.scope && other.value === limit.value)
        .map(({ currency }) => currency),
    );
    states.push(
      toState(limit, { held: holding, spent: await readSpent(queries, limit, rules.now), own, rules }),
    );
  }
  return states;
}

/** One limit with what is spent and held of it, whoever it holds. */
export async function readLimitState(
  queries: Queries,
  limit: Limit,
  rules: BudgetRules,
): Promise<BudgetState> {
  const [held, spent] = [await readHeld(queries, limit), await readSpent(queries, limit, rules.now)];
  return toState(limit, { held, spent, own: new Set([limit.currency]), rules });
}

interface Counted {
  held: Sums;
  spent: Sums;
  /** Currencies that have a limit of their own within the scope. */
  own: ReadonlySet<string>;
  rules: BudgetRules;
}

function toState(limit: Limit & LimitKey, { held, spent, own, rules }: Counted): BudgetState {
  const { scope, value, span, timeZone, currency, limitMicros, isDefault } = limit;
  const spending = countIn(currency, spent, { own, rules });
  const holding = countIn(currency, held, { own, rules });
  return {
    ...{ scope, value, period: span, timeZone, currency, limitMicros, isDefault },
    spentMicros: spending.micros,
    heldMicros: holding.micros,
    resetsAt: windowBounds(span, timeZone, rules.now).end,
    uncounted: spending.uncounted ?? holding.uncounted,
  };
}

/** The sums that a budget of this currency counts: its own, and every other that has no budget of its own. */
function countIn(
  currency: string,
  sums: Sums,
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
  const left = leftOf(state);
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

const toUnits = (micros: number) => micros / 1_000_000;

/** What a refusal tells of a budget: figures of the caller's own, and of one that others share only whose it is. */
function detailsOf(state: BudgetState) {
  const resets = state.resetsAt === undefined ? {} : { resets_at: new Date(state.resetsAt).toISOString() };
  const { period, currency, scope } = state;
  if (scope !== 'subject') return { scope, period, currency, ...resets };
  return {
    period,
    currency,
    limit: toUnits(state.limitMicros),
    left: toUnits(leftOf(state)),
    spent: toUnits(state.spentMicros),
    reserved: toUnits(state.heldMicros),
    ...resets,
  };
}

function leftOf({ limitMicros, spentMicros, heldMicros }: BudgetState): number {
  return Math.max(0, limitMicros - spentMicros - heldMicros);
}

/** `day budget`, `day budget of the deployment`, `rolling:7d budget of the provider runware`. */
function nameOf({ scope, value, period }: BudgetState): string {
  if (scope === 'subject') return `${period} budget`;
  return `${period} budget of the ${scope}${value === '' ? '' : ` ${value}`}`;
}

function budgetExceeded({ state }: { state: BudgetState }, wanted: WantedMoney): AppError {
  const { wantedMicros, leastMicros = 0, currency } = wanted;
  const amount = (micros: number) => `${toUnits(micros)}${currency === state.currency ? '' : ` ${currency}`}`;
  const unknown = leastMicros > 0 ? `it costs ${amount(leastMicros)} or more` : 'its price is unknown';
  const cost = wantedMicros === undefined ? unknown : `it may cost ${amount(wantedMicros)}`;
  const left =
    state.scope === 'subject'
      ? `has ${toUnits(leftOf(state))} ${state.currency} left of ${toUnits(state.limitMicros)}`
      : 'does not leave enough for this run';
  return new AppError(
    'budget_exceeded',
    `The ${nameOf(state)} ${left}; ${cost}. Nothing was run or charged.`,
    {
      nextAction: 'Choose a cheaper model or input, wait for running runs to end, or have the budget raised.',
      details: detailsOf(state),
    },
  );
}

function priceUnknown(state: BudgetState): AppError {
  return new AppError(
    'price_unknown',
    `The price of this run is not known before it, and a ${nameOf(state)} in ${state.currency} cannot hold it. Nothing was run or charged.`,
    {
      nextAction: `Choose a model whose price is known${hint` (${callOf(estimateCost)} tells)`}, or ask whoever runs this server.`,
      details: detailsOf(state),
    },
  );
}

function currencyMismatch(state: BudgetState, currency: string): AppError {
  return new AppError(
    'budget_currency_mismatch',
    `The ${nameOf(state)} is in ${state.currency} and cannot count ${currency}. Nothing was run or charged.`,
    {
      nextAction: `Choose a model that is priced in ${state.currency}, or ask whoever runs this server for an exchange rate or a budget in ${currency}.`,
      details: { ...detailsOf(state), other_currency: currency },
    },
  );
}

/** What a unit of each currency is worth, by whoever runs the deployment: amounts of one currency as amounts of another. */
export interface ExchangeRates {
  /** The amount in the other currency; undefined where no rate says. */
  convert(amount: number, from: string, to: string): number | undefined;
}

/** `worth` holds the value of one unit in US dollars, by currency. */
export function createExchangeRates(worth: ReadonlyMap<string, number>): ExchangeRates {
  const worthOf = (currency: string) => (currency === 'USD' ? 1 : worth.get(currency));
  return {
    convert(amount, from, to) {
      if (from === to || amount === 0) return amount;
      const [source, target] = [worthOf(from), worthOf(to)];
      return source === undefined || target === undefined ? undefined : (amount * source) / target;
    },
  };
}

/** Nothing is worth anything else: each currency stands alone. */
const noExchangeRates: ExchangeRates = createExchangeRates(new Map());
