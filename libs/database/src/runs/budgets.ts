import { AppError } from '@inferry/contracts';
import { sql, type Transaction } from 'kysely';
import type { Dialect, Queries } from '../database.ts';
import type { BudgetTable, RunRow, Schema } from '../schema.ts';

export type BudgetPeriod = 'day' | 'month' | 'total';

export interface BudgetState {
  period: BudgetPeriod;
  currency: string;
  limitMicros: number;
  /** Charged in this period. */
  spentMicros: number;
  /** Held now by runs that have not ended. */
  heldMicros: number;
  /** When the period ends; undefined for `total`. */
  resetsAt: number | undefined;
}

export interface ReservationRequest {
  subject: string;
  currency: string;
  now: number;
  wantedMicros: number | undefined;
  dialect: Dialect;
  existing(): Promise<RunRow | undefined>;
}

export type Reservation = { kind: 'reserved'; micros: number } | { kind: 'replay'; row: RunRow };

/**
 * What a new run may hold. The subject's budgets are locked first, so that two runs never get the same money, and a
 * replay is looked for under that lock, so that it is never refused for the money which its own first try holds.
 * A run of unknown price holds all that is left until its cost is known. Budgets of another currency do not count.
 */
export async function reserveBudget(
  queries: Transaction<Schema>,
  request: ReservationRequest,
): Promise<Reservation> {
  const { subject, currency, now, wantedMicros } = request;
  const rows = await queries
    .selectFrom('budgets')
    .selectAll()
    .where('subject', '=', subject)
    .where('currency', '=', currency)
    .orderBy('period')
    .$if(request.dialect === 'postgres', (query) => query.forUpdate())
    .execute();
  const row = await request.existing();
  if (row !== undefined) return { kind: 'replay', row };
  if (rows.length === 0) return { kind: 'reserved', micros: wantedMicros ?? 0 };
  const states = await Promise.all(rows.map((budget) => toState(queries, budget, now)));
  const tightest = states.reduce((least, state) => (left(state) < left(least) ? state : least));
  const micros = wantedMicros ?? left(tightest);
  const isAffordable = wantedMicros === undefined ? left(tightest) > 0 : micros <= left(tightest);
  if (!isAffordable) throw budgetExceeded(tightest, wantedMicros);
  return { kind: 'reserved', micros };
}

/** Every budget of a subject with what is spent and held of it. */
export async function readBudgetStates(
  queries: Queries,
  subject: string,
  now: number,
): Promise<BudgetState[]> {
  const rows = await queries
    .selectFrom('budgets')
    .selectAll()
    .where('subject', '=', subject)
    .orderBy('currency')
    .orderBy('period')
    .execute();
  return Promise.all(rows.map((budget) => toState(queries, budget, now)));
}

/** Sets what a subject may spend in a period; undefined removes the limit. */
export async function setBudget(
  queries: Queries,
  budget: { subject: string; period: BudgetPeriod; currency: string; limitMicros: number | undefined },
): Promise<void> {
  const { subject, period, currency, limitMicros } = budget;
  await queries
    .deleteFrom('budgets')
    .where('subject', '=', subject)
    .where('period', '=', period)
    .where('currency', '=', currency)
    .execute();
  if (limitMicros === undefined) return;
  await queries
    .insertInto('budgets')
    .values({ subject, period, currency, limit_micros: limitMicros })
    .execute();
}

async function toState(queries: Queries, budget: BudgetTable, now: number): Promise<BudgetState> {
  const { start, end } = periodBounds(budget.period, now);
  const spent = await queries
    .selectFrom('ledger')
    .select(({ fn }) => fn.sum<number | string | null>('amount_micros').as('micros'))
    .where('subject', '=', budget.subject)
    .where('currency', '=', budget.currency)
    .where('kind', '=', 'charge')
    .where('at', '>=', start)
    .executeTakeFirst();
  const held = await queries
    .selectFrom('runs')
    .select(({ fn }) => fn.sum<number | string | null>('reserved_micros').as('micros'))
    .where('subject', '=', budget.subject)
    .where('currency', '=', budget.currency)
    // Written out, not bound: only then is the partial index used.
    .where(sql<boolean>`phase <> 'done'`)
    .executeTakeFirst();
  return {
    // as: `setBudget` is the only writer of this column.
    period: budget.period as BudgetPeriod,
    currency: budget.currency,
    limitMicros: budget.limit_micros,
    spentMicros: Number(spent?.micros ?? 0),
    heldMicros: Number(held?.micros ?? 0),
    resetsAt: end,
  };
}

function left(state: BudgetState): number {
  return Math.max(0, state.limitMicros - state.spentMicros - state.heldMicros);
}

function periodBounds(period: string, now: number): { start: number; end: number | undefined } {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  if (period === 'day') return { start: Date.UTC(year, month, day), end: Date.UTC(year, month, day + 1) };
  if (period === 'month') return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
  return { start: 0, end: undefined };
}

function budgetExceeded(state: BudgetState, wantedMicros: number | undefined): AppError {
  const units = (micros: number) => micros / 1_000_000;
  const cost = wantedMicros === undefined ? 'its price is unknown' : `it may cost ${units(wantedMicros)}`;
  return new AppError(
    'budget_exceeded',
    `The ${state.period} budget has ${units(left(state))} ${state.currency} left of ${units(state.limitMicros)}; ${cost}. Nothing was run or charged.`,
    {
      nextAction: 'Choose a cheaper model or input, wait for running runs to end, or have the budget raised.',
      details: {
        period: state.period,
        currency: state.currency,
        limit: units(state.limitMicros),
        left: units(left(state)),
        spent: units(state.spentMicros),
        reserved: units(state.heldMicros),
        ...(state.resetsAt === undefined ? {} : { resets_at: new Date(state.resetsAt).toISOString() }),
      },
    },
  );
}
