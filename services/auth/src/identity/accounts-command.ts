import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Bus } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  type AccountRow,
  deleteSessionsOf,
  findAccount,
  listAccounts,
  updateAccount,
} from '@inferry/database/accounts';
import { isLive, listKeys, revokeKey } from '../keys/keys.ts';
import { createGrants } from '../oauth/grants/grants.ts';
import { printJson } from '../print-json.ts';
import { createLocalAccount, setPassword } from './accounts.ts';

interface Output {
  write(text: string): unknown;
}

export interface AccountsCommandOptions {
  database: Database;
  /** Announces what ended; without it the gateways find it within 30 s. */
  bus?: Pick<Bus, 'publish'> | undefined;
  /** Takes a new password and the list. */
  out: Output;
  /** Takes what is said about them. */
  err?: Output | undefined;
  /** All of the standard input, for `--password-stdin`. */
  readInput(): Promise<string>;
  now?: (() => number) | undefined;
}

type Context = AccountsCommandOptions & { err: Output; isJson: boolean; now(): number };

const usage = `Usage:
  npm run accounts -- create <user name> [--name "Ada Lovelace"] [--password-stdin]
  npm run accounts -- list
  npm run accounts -- reset <user name> [--password-stdin]
  npm run accounts -- disable <user name or account id>
  npm run accounts -- enable <user name or account id>
  npm run accounts -- approve <user name or account id>
--json: one JSON document on standard output
`;

const parameters = {
  name: { type: 'string' },
  'password-stdin': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

/** Runs one command and resolves with the exit code: 0, 1 when refused, 2 for wrong arguments. */
export async function runAccountsCommand(
  [command = '', ...args]: readonly string[],
  options: AccountsCommandOptions,
): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: parameters, allowPositionals: true });
  const { err = process.stderr, now = Date.now } = options;
  const context: Context = { ...options, err, now, isJson: values.json === true };
  const [who, ...more] = positionals;
  const action = Object.hasOwn(actions, command) ? actions[command] : undefined;
  if (action === undefined || more.length > 0 || (who === undefined) !== (command === 'list')) {
    context.err.write(usage);
    return 2;
  }
  try {
    await action(context, { who: who ?? '', name: values.name, isTyped: values['password-stdin'] === true });
    return 0;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    context.err.write(`${error.message}\n`);
    return 1;
  }
}

interface Request {
  who: string;
  name: string | undefined;
  /** The password comes on the standard input, instead of being made up. */
  isTyped: boolean;
}

const actions: Readonly<Record<string, (context: Context, request: Request) => Promise<void>>> = {
  create,
  list,
  reset,
  disable,
  enable,
  approve,
};

async function create(context: Context, { who, name, isTyped }: Request): Promise<void> {
  const password = await passwordFor(context, isTyped);
  const wanted = { userName: who, password, display: name };
  const account = await createLocalAccount(context.database, wanted, context.now());
  const said = `Account ${account.subject} of ${account.display} can sign in.`;
  const facts = { account_id: account.subject, name: account.display };
  tell(context, { said, facts, password: isTyped ? undefined : password });
}

async function reset(context: Context, { who, isTyped }: Request): Promise<void> {
  const { account_id: accountId, driver, display } = await find(context, who);
  if (driver !== 'local') throw new AppError('forbidden', `${display} has no password here.`);
  const password = await passwordFor(context, isTyped);
  await setPassword(context.database, { accountId, password });
  const said = `${display} has another password and is signed out everywhere; their clients stay connected.`;
  const facts = { account_id: accountId, name: display };
  tell(context, { said, facts, password: isTyped ? undefined : password });
}

async function disable(context: Context, { who }: Request): Promise<void> {
  const { database, bus, now } = context;
  const { account_id: accountId, display } = await find(context, who);
  const at = now();
  // First the door, so that nothing new comes in while the rest is ended.
  await updateAccount(database.queries, accountId, { disabled_at: at });
  await deleteSessionsOf(database.queries, { accountId });
  const grants = createGrants({ database, bus: bus ?? nobody, grantSeconds: 0, now });
  const clients = await grants.revokeAllOfSubject(accountId);
  const keys = (await listKeys(database, accountId)).filter((key) => isLive(key, at));
  for (const { keyId } of keys) await revokeKey(database, keyId, { bus, now: at });
  const said =
    `${display} cannot sign in any more; ${clients} clients and ${keys.length} API keys were revoked. ` +
    `Gateways refuse them ${bus === undefined ? 'within 30 seconds' : 'now'}.`;
  const revoked = { clients, keys: keys.length };
  tell(context, { said, facts: { account_id: accountId, name: display, state: 'closed', revoked } });
}

async function enable(context: Context, { who }: Request): Promise<void> {
  const { account_id: accountId, display } = await find(context, who);
  await updateAccount(context.database.queries, accountId, { disabled_at: null });
  const said = `${display} can sign in again, and connects clients anew.`;
  tell(context, { said, facts: { account_id: accountId, name: display, state: 'open' } });
}

/** Somebody who made the account themselves may spend the deployment's keys from now on. */
async function approve(context: Context, { who }: Request): Promise<void> {
  const { account_id: accountId, display } = await find(context, who);
  await updateAccount(context.database.queries, accountId, { made_by: 'operator' });
  const said = `${display} counts as an account that you made.`;
  tell(context, { said, facts: { account_id: accountId, name: display, made_by: 'operator' } });
}

async function list({ database, out, err, isJson }: Context): Promise<void> {
  const rows = await listAccounts(database.queries);
  if (isJson) return printJson(out, { accounts: rows.map(toDocument) });
  if (rows.length === 0) return void err.write('There is no account yet.\n');
  const table = [
    ['ACCOUNT ID', 'USER NAME', 'NAME', 'SIGNS IN BY', 'CREATED', 'LAST SEEN', 'STATE'],
    ...rows.map(toCells),
  ];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table) {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    out.write(`${cells.join('  ').trimEnd()}\n`);
  }
}

function toDocument(row: AccountRow): object {
  return {
    ...{ account_id: row.account_id, name: row.display, signs_in_by: row.driver },
    user_name: row.driver === 'local' ? row.external_id : undefined,
    created_at: new Date(row.created_at).toISOString(),
    last_seen_at: row.seen_at === null ? undefined : new Date(row.seen_at).toISOString(),
    state: row.disabled_at === null ? 'open' : 'closed',
  };
}

function toCells(row: AccountRow): string[] {
  return [
    row.account_id,
    row.driver === 'local' ? row.external_id : '-',
    row.display,
    row.driver,
    time(row.created_at),
    row.seen_at === null ? 'never' : time(row.seen_at),
    row.disabled_at === null ? 'open' : `closed ${time(row.disabled_at)}`,
  ];
}

async function find({ database }: Context, who: string): Promise<AccountRow> {
  const found =
    (await findAccount(database.queries, { accountId: who })) ??
    (await findAccount(database.queries, { driver: 'local', externalId: who.trim().toLowerCase() }));
  if (found === undefined) throw new AppError('not_found', 'There is no such account; list shows all.');
  return found;
}

async function passwordFor({ readInput }: Context, isTyped: boolean): Promise<string> {
  return isTyped ? (await readInput()).replace(/\r?\n$/, '') : newPassword();
}

interface Told {
  said: string;
  facts: object;
  /** One that was made up: nobody has it yet. */
  password?: string | undefined;
}

function tell({ out, err, isJson }: Context, { said, facts, password }: Told): void {
  if (isJson) return printJson(out, { ...facts, password });
  err.write(`${said}\n`);
  if (password === undefined) return;
  out.write(`${password}\n`);
  err.write('The line above is the password. It is shown this once: hand it over on a safe way.\n');
}

const letters = 'abcdefghjkmnpqrstuvwxyz23456789';

/** Four groups of five that can be read out: 99 bits. */
function newPassword(): string {
  const group = (): string => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}

const nobody: Pick<Bus, 'publish'> = { publish: () => undefined };

function time(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
