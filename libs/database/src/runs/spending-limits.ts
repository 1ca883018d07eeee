/** Which limits hold a payer, and what is spent and held within the scope of each. */
import { type RawBuilder, sql } from 'kysely';
import type { Queries } from '../database.ts';
import type { SpendingLimitTable } from '../schema.ts';
import { windowBounds } from './windows.ts';

export const budgetScopes = ['subject', 'client', 'team', 'mount', 'provider', 'deployment'] as const;
export type BudgetScope = (typeof budgetScopes)[number];

/** Who pays for a run, by every scope that it is in; teams are those that the subject is in now. */
export interface Payer {
  subject: string;
  client?: string | undefined;
  mount?: string | undefined;
  provider?: string | undefined;
}

/** The value of a limit that everybody within its scope has for themselves, unless they have one of the same window and currency. */
export const everySubject = '*';

/** Windows that a subject's budget of before may have. */
export type BudgetPeriod = 'day' | 'month' | 'total';
const plainPeriods: ReadonlySet<string> = new Set<BudgetPeriod>(['day', 'month', 'total']);

export interface LimitKey {
  scope: BudgetScope;
  /** Empty for the deployment. */
  value: string;
  /** See `parseWindow`. */
  span: string;
  timeZone: string;
  currency: string;
}

export interface Limit extends LimitKey {
  limitMicros: number;
  /** It is everybody's, and holds this value for want of an own one. */
  isDefault: boolean;
}

/** Sets what may be spent within a scope; undefined removes the limit. There is no moment without one in between. */
export async function setLimit(
  queries: Queries,
  { limitMicros, ...key }: LimitKey & { limitMicros: number | undefined },
): Promise<void> {
  const { scope, value, span, timeZone, currency } = key;
  if (scope === 'subject' && timeZone === 'UTC' && plainPeriods.has(span)) {
    // as: checked just now.
    return setBudget(queries, { subject: value, period: span as BudgetPeriod, currency, limitMicros });
  }
  const row = { scope, scope_value: value, span, time_zone: timeZone, currency };
  if (limitMicros === undefined) {
    await queries
      .deleteFrom('spending_limits')
      .where((eb) => eb.and(row))
      .execute();
    return;
  }
  await queries
    .insertInto('spending_limits')
    .values({ ...row, limit_micros: limitMicros })
    .onConflict((conflict) =>
      conflict
        .columns(['scope', 'scope_value', 'span', 'time_zone', 'currency'])
        .doUpdateSet({ limit_micros: limitMicros }),
    )
    .execute();
}

/** The same for a subject, by day, month or in all, in UTC. */
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

/** Every limit that there is, those of everybody under `*`. */
export async function listLimits(queries: Queries): Promise<Limit[]> {
  const budgets = await queries.selectFrom('budgets').selectAll().limit(10_000).execute();
  const wide = await queries.selectFrom('spending_limits').selectAll().limit(10_000).execute();
  return [...budgets.map(ofSubject), ...wide.map(ofScope)];
}

/** The limits that hold a payer, in a fixed order. One of everybody gives way to an own one of the same window and currency. */
export async function readLimits(queries: Queries, payer: Payer): Promise<Limit[]> {
  const { subject } = payer;
  const budgets = await queries
    .selectFrom('budgets')
    .selectAll()
    .where('subject', 'in', [subject, everySubject])
    .orderBy('currency')
    .orderBy('period')
    .execute();
  const wide = await queries
    .selectFrom('spending_limits')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb('scope', '=', 'team'),
        ...namedScopes(payer).map(([scope, value]) =>
          eb.and([eb('scope', '=', scope), eb('scope_value', 'in', [value, everySubject])]),
        ),
      ]),
    )
    .orderBy('scope')
    .orderBy('scope_value')
    .orderBy('span')
    .orderBy('time_zone')
    .orderBy('currency')
    .execute();
  const limits = [...budgets.map(ofSubject), ...wide.map(ofScope)];
  const hasTeams = wide.some(({ scope }) => scope === 'team');
  const values = hasTeams ? await scopesOf(queries, payer) : namedScopes(payer);
  return values.flatMap(([scope, value]) => limitsOf(limits, scope, value));
}

/** Every scope that a payer is in, in a fixed order. */
export async function scopesOf(queries: Queries, payer: Payer): Promise<[BudgetScope, string][]> {
  const teams = await teamsOf(queries, payer.subject);
  return [...namedScopes(payer), ...teams.map((team): [BudgetScope, string] => ['team', team])];
}

/** The scopes that a payer names; the subject's first, so that whoever locks them does so in one order. */
function namedScopes({ subject, client, mount, provider }: Payer): [BudgetScope, string][] {
  const named: [BudgetScope, string | undefined][] = [
    ['subject', subject],
    ['client', client],
    ['deployment', ''],
    ['mount', mount],
    ['provider', provider],
  ];
  return named.flatMap(([scope, value]): [BudgetScope, string][] =>
    value === undefined || (value === '' && scope !== 'deployment') ? [] : [[scope, value]],
  );
}

function limitsOf(limits: readonly Limit[], scope: BudgetScope, value: string): Limit[] {
  const own = limits.filter((limit) => limit.scope === scope && limit.value === value);
  const isReplaced = (limit: Limit) => own.some((other) => windowOf(other) === windowOf(limit));
  const everybody = limits.filter(
    (limit) => limit.scope === scope && limit.value === everySubject && value !== everySubject,
  );
  return [
    ...own,
    ...everybody.filter((limit) => !isReplaced(limit)).map((limit) => ({ ...limit, value, isDefault: true })),
  ];
}

function windowOf({ span, timeZone, currency }: Limit): string {
  return [span, timeZone, currency].join(' ');
}

async function teamsOf(queries: Queries, subject: string): Promise<string[]> {
  const rows = await queries
    .selectFrom('team_members')
    .select('team')
    .where('subject', '=', subject)
    .orderBy('team')
    .execute();
  return rows.map(({ team }) => team);
}

function ofSubject(row: { subject: string; period: string; currency: string; limit_micros: number }): Limit {
  const { subject: value, period: span, currency, limit_micros: limitMicros } = row;
  return {
    scope: 'subject',
    value,
    span,
    timeZone: 'UTC',
    currency,
    limitMicros,
    isDefault: value === everySubject,
  };
}

function ofScope(row: SpendingLimitTable): Limit {
  const { scope, scope_value: value, span, time_zone: timeZone, currency, limit_micros: limitMicros } = row;
  // as: `setLimit` is the only writer of this column.
  const key = { scope: scope as BudgetScope, value, span, timeZone, currency };
  return { ...key, limitMicros, isDefault: value === everySubject };
}

/** Amounts by currency. */
export type Sums = ReadonlyMap<string, number>;

/** What was charged within a scope in the window of a limit. */
export async function readSpent(queries: Queries, limit: LimitKey, now: number): Promise<Sums> {
  const { start } = windowBounds(limit.span, limit.timeZone, now);
  const { rows } = await sql<SumRow>`
    select currency, sum(amount_micros) as micros from ledger
    where kind = 'charge' and at >= ${start} and ${within(limit)} group by currency`.execute(queries);
  return toSums(rows);
}

/** What runs of a scope hold that have not ended. */
export async function readHeld(queries: Queries, scope: Pick<LimitKey, 'scope' | 'value'>): Promise<Sums> {
  // Written out, not bound: only then is the partial index used.
  const { rows } = await sql<SumRow>`
    select currency, sum(reserved_micros) as micros from runs
    where phase <> 'done' and ${within(scope)} group by currency`.execute(queries);
  return toSums(rows);
}

/** The rows of a scope: `runs` and `ledger` name it alike. */
function within({ scope, value }: Pick<LimitKey, 'scope' | 'value'>): RawBuilder<unknown> {
  if (scope === 'deployment') return sql`true`;
  if (scope === 'team') return sql`subject in (select subject from team_members where team = ${value})`;
  return sql`${sql.ref(scope)} = ${value}`;
}

interface SumRow {
  currency: string;
  micros: number | string | null;
}

function toSums(rows: readonly SumRow[]): Sums {
  return new Map(rows.map(({ currency, micros }) => [currency, Number(micros ?? 0)]));
}
