/** `npm run budgets`: what subjects may spend. */
import { parseArgs } from 'node:util';
import {
  type BudgetPeriod,
  type Database,
  everySubject,
  readBudgetStates,
  setBudget,
} from '@inferry/database';
import { ConfigError, type Env } from '@inferry/runtime';
import { openStore } from './open-store.ts';

const usage =
  'npm run budgets -- set --subject S --limit 25 [--period day|month|total] [--currency USD] | remove --subject S ' +
  "[--period …] | list --subject S; --subject '*' is for everybody: each subject has one like it";
const periods = ['day', 'month', 'total'] as const;
const micros = 1_000_000;

/** `npm run budgets`: what a subject may spend; a run that would go past it is refused with `budget_exceeded`. */
export async function budgets(args: readonly string[], env: Env): Promise<number> {
  const order = parseOrder(args);
  const { database, close } = await openStore(env);
  try {
    return await carryOut(database, order);
  } finally {
    await close();
  }
}

interface Order {
  verb: 'set' | 'remove' | 'list';
  subject: string;
  period: BudgetPeriod;
  currency: string;
  limit: number | undefined;
}

async function carryOut(database: Database, order: Order): Promise<number> {
  const { verb, subject, period, currency, limit } = order;
  if (verb !== 'list') {
    const limitMicros = verb === 'remove' || limit === undefined ? undefined : Math.round(limit * micros);
    await database.transaction((queries) => setBudget(queries, { subject, period, currency, limitMicros }));
  }
  const states = await readBudgetStates(database.queries, subject, Date.now());
  for (const state of states) {
    if (subject === everySubject) {
      process.stdout.write(
        `each subject without an own one, ${state.period}: ${state.limitMicros / micros} ${state.currency}\n`,
      );
      continue;
    }
    const [most, spent, held] = [state.limitMicros, state.spentMicros, state.heldMicros].map(
      (value) => value / micros,
    );
    process.stdout.write(
      `${subject} ${state.period}: ${most} ${state.currency}, spent ${spent}, held ${held}${state.isDefault ? ' (the budget of everybody)' : ''}\n`,
    );
    if (state.uncounted !== undefined) {
      process.stdout.write(
        `  without what is in ${state.uncounted}: EXCHANGE_RATES says what that is worth\n`,
      );
    }
  }
  const whom = subject === everySubject ? 'there is no budget of everybody' : `${subject} has no budget`;
  if (states.length === 0) process.stdout.write(`${whom}: nothing limits what it spends\n`);
  return 0;
}

function parseOrder(args: readonly string[]): Order {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      subject: { type: 'string' },
      period: { type: 'string', default: 'month' },
      currency: { type: 'string', default: 'USD' },
      limit: { type: 'string' },
    },
  });
  const [verb] = positionals;
  const period = periods.find((known) => known === values.period);
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  const problems = [
    ...(verb === 'set' || verb === 'remove' || verb === 'list' ? [] : ['set, remove or list']),
    ...(values.subject === undefined ? ['--subject is needed (npm run keys -- list shows them)'] : []),
    ...(period === undefined ? [`--period: one of ${periods.join(', ')}`] : []),
    ...(verb === 'set' && !(limit !== undefined && limit >= 0 && limit <= 1e9)
      ? ['--limit: an amount of 0 or more']
      : []),
    ...(/^[A-Z]{3}$/.test(values.currency) ? [] : ['--currency: an ISO 4217 code']),
  ];
  if (problems.length > 0 || period === undefined || values.subject === undefined) {
    throw new ConfigError([...problems, usage]);
  }
  // as: checked above.
  return { verb: verb as Order['verb'], subject: values.subject, period, currency: values.currency, limit };
}
