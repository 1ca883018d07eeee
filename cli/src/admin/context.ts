/** What every verb of `npm run admin` is given, and how its arguments are read. */
import { parseArgs } from 'node:util';
import type { Database } from '@inferry/database';
import { ConfigError, type Env } from '@inferry/runtime';
import type { openCommandBus } from '../commands/open-command-bus.ts';

const options = {
  json: { type: 'boolean', default: false },
  subject: { type: 'string' },
  provider: { type: 'string' },
  status: { type: 'string' },
  run: { type: 'string' },
  failed: { type: 'boolean', default: false },
  reason: { type: 'string', default: '' },
  limit: { type: 'string', default: '50' },
  by: { type: 'string', default: 'day' },
  format: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  known: { type: 'string' },
  scope: { type: 'string' },
  value: { type: 'string' },
  rehost: { type: 'string' },
  days: { type: 'string' },
  bytes: { type: 'string' },
  'at-once': { type: 'string' },
  rate: { type: 'string' },
  open: { type: 'string' },
} as const;

export function readArgs(args: readonly string[]) {
  try {
    const parsed = parseArgs({ args: [...args], allowPositionals: true, options });
    if (parsed.positionals.length <= 3) return parsed;
  } catch (error) {
    throw new ConfigError([
      `${error instanceof Error ? error.message : 'These arguments are not taken.'}\n${usage}`,
    ]);
  }
  throw new ConfigError([`Too many words.\n${usage}`]);
}
type AdminValues = ReturnType<typeof readArgs>['values'];

export interface AdminContext {
  database: Database;
  env: Env;
  values: AdminValues;
  /** What stands after the verb. */
  id: string | undefined;
  now: number;
  /** Who does it, for the audit trail. */
  actor: string;
  print(line: string): void;
  /** Notes in the audit trail what an operator did. */
  note(action: string, object: string, details?: Readonly<Record<string, unknown>>): Promise<void>;
  openBus(): ReturnType<typeof openCommandBus>;
}

/** What one noun's verbs do; resolves with the exit code. */
export type AdminVerbs = Readonly<Record<string, (context: AdminContext) => Promise<number>>>;

export const usage = [
  'npm run admin --',
  '  runs list [--subject S] [--provider P] [--status S] | show RUN | cancel RUN | release RUN | forget RUN',
  '  budgets list',
  '  providers list | pause P | drain P | resume P [--reason "…"]',
  '  limits list | set --scope subject|provider --value V|* [--at-once N] [--rate 100/m] [--open N] | clear --scope S --value V',
  '  equal-models suggest',
  '  webhooks list [--run RUN] [--failed] | replay ID',
  '  storage list | set --scope subject|mount|deployment [--value V] [--days N] [--bytes 10GiB] [--rehost on|off]',
  '  storage clear --scope S [--value V] | usage',
  '  ledger verify | show RUN',
  '  usage export [--by day,subject,client,mount,provider,model,tag:NAME] [--since DATE] [--until DATE] [--format csv|json]',
  '  audit verify [--known PLACE:HASH] | export [--since DATE] [--format jsonl|ocsf]',
  '  --json: one line of JSON for each item or action; lists: --limit 50',
].join('\n');

/** What stands after the verb, where the verb needs it. */
export function idOf({ id }: AdminContext): string {
  if (id === undefined) throw new ConfigError([usage]);
  return id;
}

/** What was done, for a person or as JSON. */
export function tell(context: AdminContext, facts: Facts, line: string): number {
  say(context, { ok: true, ...facts }, line);
  return 0;
}

/** Why it was not. */
export function refuse(context: AdminContext, facts: Facts, line: string): number {
  say(context, { ok: false, ...facts }, line);
  return 1;
}

type Facts = Readonly<Record<string, unknown>>;

function say({ print, values }: AdminContext, facts: Facts, line: string): void {
  print(values.json ? JSON.stringify({ ...facts, message: line }) : line);
}

export function limitOf({ values }: AdminContext): number {
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new ConfigError([`--limit: 1 to 100000\n${usage}`]);
  return limit;
}

/** A date or a time; `fallback` where none was given. */
export function timeOf(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new ConfigError([`${text} is no date such as 2026-11-30\n${usage}`]);
  return time;
}
