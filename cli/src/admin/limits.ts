/** `npm run admin -- limits`: how many runs of a tenant or at a platform are under way at once, sent in a while, and wait. */
import {
  listRunLimits,
  type RunLimit,
  type RunLimitScope,
  runLimitScopes,
  type SendRate,
  setRunLimit,
} from '@inferry/database';
import { ConfigError } from '@inferry/runtime';
import { type AdminContext, type AdminVerbs, tell, usage } from './context.ts';

const spans: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const limitVerbs: AdminVerbs = {
  async list({ database, print, values }) {
    const limits = await listRunLimits(database.queries);
    for (const limit of limits)
      print(values.json ? JSON.stringify(limit) : `${nameOf(limit)}: ${wordsOf(limit)}`);
    if (limits.length === 0 && !values.json) print('No limits: each has as many as the pollers have places.');
    return 0;
  },

  /** What is not said stays as it is; `none` takes a rule away. */
  async set(context) {
    const { values, database } = context;
    const key = keyOf(context);
    const known = (await listRunLimits(database.queries)).find(
      ({ scope, value }) => scope === key.scope && value === key.value,
    );
    const { 'at-once': atOnce, rate, open } = values;
    if (atOnce === undefined && rate === undefined && open === undefined)
      throw new ConfigError([`limits set: what is to hold?\n${usage}`]);
    if (open !== undefined && key.scope !== 'subject')
      throw new ConfigError([`--open: of a subject alone\n${usage}`]);
    const limit: RunLimit = {
      ...key,
      atOnce: chosen(atOnce, known?.atOnce, (text) => readCount('--at-once', text)),
      rate: chosen(rate, known?.rate, readRate),
      open: chosen(open, known?.open, (text) => readCount('--open', text)),
    };
    await setRunLimit(database, limit);
    await context.note('limits.set', nameOf(limit), { ...limit });
    return tell(context, { ...limit }, `${nameOf(limit)}: ${wordsOf(limit)}`);
  },

  async clear(context) {
    const key = keyOf(context);
    await setRunLimit(context.database, key);
    await context.note('limits.clear', nameOf(key));
    return tell(context, { ...key }, `${nameOf(key)}: ${wordsOf(key)}`);
  },
};

function keyOf({ values }: AdminContext): { scope: RunLimitScope; value: string } {
  const scope = runLimitScopes.find((one) => one === values.scope);
  const { value = '' } = values;
  if (scope === undefined || value === '')
    throw new ConfigError([`--scope: subject or provider, with its --value or '*'\n${usage}`]);
  return { scope, value };
}

function chosen<T>(text: string | undefined, known: T | undefined, read: (text: string) => T): T | undefined {
  if (text === undefined) return known;
  return text === 'none' ? undefined : read(text);
}

function readCount(name: string, text: string): number {
  if (text === 'any') return 0;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 1_000_000) return count;
  throw new ConfigError([`${name}: 1 to 1000000, any, or none\n${usage}`]);
}

function readRate(text: string): SendRate {
  if (text === 'any') return { count: 0, windowMs: 60_000 };
  const [, number = '', unit = ''] = /^(\d{1,7})\/([smhd])$/.exec(text) ?? [];
  const windowMs = spans[unit];
  if (windowMs !== undefined && Number(number) >= 1) return { count: Number(number), windowMs };
  throw new ConfigError([`--rate: such as 5/s, 100/m, 1000/h or 5000/d, any, or none\n${usage}`]);
}

function nameOf({ scope, value }: Pick<RunLimit, 'scope' | 'value'>): string {
  return `${scope} ${value}`;
}

function wordsOf({ value, atOnce, rate, open }: RunLimit): string {
  const unit = Object.entries(spans).find(([, ms]) => ms === rate?.windowMs)?.[0];
  const said = [
    ...(atOnce === undefined ? [] : [`${atOnce === 0 ? 'any number' : `at most ${atOnce}`} at once`]),
    ...(rate === undefined ? [] : [rate.count === 0 ? 'at any rate' : `at most ${rate.count}/${unit}`]),
    ...(open === undefined ? [] : [open === 0 ? 'as many open as MAX_OPEN_RUNS' : `at most ${open} open`]),
  ];
  if (said.length > 0) return said.join(', ');
  return value === '*' ? 'no limit' : 'as for everybody';
}
