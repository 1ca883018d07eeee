/** `npm run budgets`: what may be spent, by a subject and by every wider scope. */
import { parseArgs } from 'node:util';
import {
  type BudgetScope,
  type BudgetState,
  budgetScopes,
  type Database,
  everySubject,
  isTimeZone,
  type LimitKey,
  listLimits,
  listThresholds,
  parseWindow,
  readBudgetStates,
  readLimitState,
  setLimit,
  setThreshold,
} from '@inferry/database';
import { parseInferenceConfig } from '@inferry/inference-poller';
import { ConfigError, type Env } from '@inferry/runtime';
import { printJson } from '../print-json.ts';
import { openStore } from './open-store.ts';

const usage =
  'npm run budgets -- set --subject S --limit 25 [--period day|month|total] [--currency USD] | remove --subject S ' +
  "[--period …] | list --subject S; --subject '*' is for everybody: each subject has one like it. Wider: --scope " +
  "deployment | client|team|mount|provider|subject --value V ('*': each of them); --window hour|day|week|month|month@15|year|" +
  'total|rolling:24h|rolling:7d|rolling:4w|rolling:1mo in place of --period; --time-zone Europe/Berlin. ' +
  'confirm --scope … --value … --above 2 | --off: dollars above which a person confirms a run. --json: one document';
const periods = ['day', 'month', 'total'] as const;
const micros = 1_000_000;

/** `npm run budgets`: what a subject may spend; a run that would go past it is refused with `budget_exceeded`. */
export async function budgets(args: readonly string[], env: Env): Promise<number> {
  const order = parseOrder(args);
  const { database, close } = await openStore(env);
  try {
    return await carryOut(database, env, order);
  } finally {
    await close();
  }
}

const verbs = ['set', 'remove', 'list', 'confirm'] as const;
type Verb = (typeof verbs)[number];

interface Order {
  verb: Verb;
  key: LimitKey;
  limit: number | undefined;
  /** `confirm`: undefined takes the threshold away. */
  above: number | undefined;
  isJson: boolean;
}

async function carryOut(database: Database, env: Env, order: Order): Promise<number> {
  const { verb, key, limit, isJson } = order;
  if (verb === 'confirm') return confirm(database, order);
  if (verb !== 'list') {
    const limitMicros = verb === 'remove' || limit === undefined ? undefined : Math.round(limit * micros);
    await database.transaction((queries) => setLimit(queries, { ...key, limitMicros }));
  }
  const { scope, value } = key;
  const states = await statesOf(database, env, key);
  if (isJson) return printJson({ budgets: states.map((state) => toDocument(state, value)) });
  for (const line of states.flatMap((state) => linesOf(state, value))) process.stdout.write(`${line}\n`);
  if (states.length > 0) return 0;
  const whom =
    value === everySubject ? 'there is no budget of everybody' : `${nameOf({ scope, value })} has no budget`;
  process.stdout.write(`${whom}: nothing limits what it spends\n`);
  return 0;
}

/** Sets above what a person confirms a run, and says all that is set. */
async function confirm(
  { queries }: Database,
  { key: { scope, value }, above, isJson }: Order,
): Promise<number> {
  const aboveMicros = above === undefined ? undefined : Math.round(above * micros);
  await setThreshold(queries, { scope, value, aboveMicros });
  const thresholds = await listThresholds(queries);
  if (isJson) {
    const shown = thresholds.map((one) => ({
      scope: one.scope,
      value: one.value,
      above: one.aboveMicros / micros,
    }));
    return printJson({ thresholds: shown });
  }
  for (const one of thresholds) {
    process.stdout.write(`${`${one.scope} ${one.value}`.trim()}: above ${one.aboveMicros / micros} USD\n`);
  }
  return 0;
}

/** A subject's with those of everybody that hold it; of another scope what is set for it. */
async function statesOf(
  { queries }: Database,
  env: Env,
  { scope, value }: Pick<LimitKey, 'scope' | 'value'>,
): Promise<BudgetState[]> {
  const rules = { now: Date.now(), rates: parseInferenceConfig(env).money.rates };
  if (scope === 'subject') {
    const states = await readBudgetStates(queries, value, rules);
    return states.filter((state) => state.scope === 'subject');
  }
  const limits = (await listLimits(queries)).filter(
    (limit) => limit.scope === scope && limit.value === value,
  );
  return Promise.all(limits.map((limit) => readLimitState(queries, limit, rules)));
}

function nameOf({ scope, value }: { scope: BudgetScope; value: string }): string {
  if (scope === 'subject') return value;
  return value === '' ? scope : `${scope} ${value}`;
}

function toDocument(state: BudgetState, asked: string): object {
  const { scope, value, period, timeZone, currency, uncounted } = state;
  const [limit, spent, held] = [state.limitMicros, state.spentMicros, state.heldMicros].map(
    (it) => it / micros,
  );
  return {
    ...{ scope, value, period, time_zone: timeZone, currency, limit },
    ...(asked === everySubject ? {} : { spent, held, of_everybody: state.isDefault, uncounted }),
  };
}

/** What a budget says of itself: `ada day: 5 USD, spent 1, held 0.5`. */
export function linesOf(state: BudgetState, asked: string): string[] {
  const period = `${state.period}${state.timeZone === 'UTC' ? '' : ` in ${state.timeZone}`}`;
  const [most, spent, held] = [state.limitMicros, state.spentMicros, state.heldMicros].map(
    (value) => value / micros,
  );
  if (asked === everySubject) {
    return [`each ${state.scope} without an own one, ${period}: ${most} ${state.currency}`];
  }
  const whose = state.isDefault ? ' (the budget of everybody)' : '';
  return [
    `${nameOf(state)} ${period}: ${most} ${state.currency}, spent ${spent}, held ${held}${whose}`,
    ...(state.uncounted === undefined
      ? []
      : [`  without what is in ${state.uncounted}: EXCHANGE_RATES says what that is worth`]),
  ];
}

const options = {
  subject: { type: 'string' },
  scope: { type: 'string' },
  value: { type: 'string' },
  period: { type: 'string' },
  window: { type: 'string' },
  'time-zone': { type: 'string', default: 'UTC' },
  currency: { type: 'string', default: 'USD' },
  limit: { type: 'string' },
  above: { type: 'string' },
  json: { type: 'boolean', default: false },
  off: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof readArgs>['values'];

function readArgs(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options });
}

function parseOrder(args: readonly string[]): Order {
  const { values, positionals } = readArgs(args);
  const verb = verbs.find((known) => known === positionals[0]);
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  const above = values.above === undefined || values.off ? undefined : Number(values.above);
  const isAmount = limit !== undefined && limit >= 0 && limit <= 1e9;
  const key = keyOf(values);
  const problems = [
    ...(verb === undefined ? [`one of ${verbs.join(', ')}`] : []),
    ...key.problems,
    ...(verb === 'set' && !isAmount ? ['--limit: an amount of 0 or more'] : []),
    ...(verb === 'confirm' && !(above !== undefined && above >= 0) && !values.off
      ? ['--above 2, or --off']
      : []),
  ];
  if (problems.length > 0 || verb === undefined) throw new ConfigError([...problems, usage]);
  return { verb, key: key.key, limit, above, isJson: values.json };
}

/** What an order is about, and what is wrong with that. */
function keyOf(values: Values): { key: LimitKey; problems: string[] } {
  const { subject, period, window, currency } = values;
  const scope = budgetScopes.find((known) => known === (values.scope ?? 'subject'));
  const value = scope === 'deployment' ? '' : (values.value ?? subject);
  const span = window ?? period ?? 'month';
  const isPeriod = period === undefined || periods.some((known) => known === period);
  const problems = [
    ...(scope === undefined ? [`--scope: one of ${budgetScopes.join(', ')}`] : []),
    ...(value === undefined ? ['--subject or --value is needed (npm run keys -- list shows subjects)'] : []),
    ...(isPeriod ? [] : [`--period: one of ${periods.join(', ')}`]),
    ...(parseWindow(span) === undefined ? ['--window: see below'] : []),
    ...(isTimeZone(values['time-zone']) ? [] : ['--time-zone: a name such as Europe/Berlin']),
    ...(/^[A-Z]{3}$/.test(currency) ? [] : ['--currency: an ISO 4217 code']),
  ];
  const key = {
    scope: scope ?? 'subject',
    value: value ?? '',
    span,
    timeZone: values['time-zone'],
    currency,
  };
  return { key, problems };
}
