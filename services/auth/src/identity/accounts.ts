import { createHash, randomBytes } from 'node:crypto';
import { AppError, type Secret } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  type AccountRow,
  deleteSessionsOf,
  findAccount,
  insertAccount,
  updateAccount,
} from '@inferry/database/accounts';
import type { DriverId, Identity } from './driver.ts';
import { hashPassword, problemOfPassword } from './local/password.ts';
import { parseUserName } from './local/user-name.ts';

/** Somebody who is signed in. */
export interface Account {
  /** The subject of everything that they own. */
  subject: string;
  driver: DriverId;
  display: string;
  /** The user name of a local account that the operator made: nobody else can have taken it. */
  userName?: string | undefined;
}

/** Operators are named by what nobody can give themselves: never by a display name or an address. */
export function isOperator(
  { subject, userName }: Account,
  operators: ReadonlySet<string> = new Set(),
): boolean {
  return operators.has(subject) || (userName !== undefined && operators.has(userName));
}

/** Where the keys go that people sign in with. */
export interface KeyVault {
  put(request: { subject: string; provider: string; key: Secret; label: string }): Promise<void>;
}

export interface AccountDeps {
  database: Database;
  vault: KeyVault;
  now(): number;
}

/**
 * Lets somebody in whom a driver vouches for: finds their account or, but for local ones, makes it, and stores the key
 * that they came with. Undefined: the account is closed here.
 */
export async function admit(deps: AccountDeps, identity: Identity): Promise<Account | undefined> {
  const { database, vault, now } = deps;
  const { driver, externalId, display, connection } = identity;
  const known = await findAccount(database.queries, { driver, externalId });
  if (known === undefined && driver !== 'local')
    await insertAccount(database.queries, newAccount(identity, now()));
  const row = known ?? (await findAccount(database.queries, { driver, externalId }));
  if (row === undefined || row.disabled_at !== null) return undefined;
  if (connection !== undefined) await vault.put({ subject: row.account_id, ...connection });
  await updateAccount(database.queries, row.account_id, { seen_at: now(), display: clip(display) });
  return { ...toAccount(row), display: clip(display) };
}

export function toAccount(row: AccountRow): Account {
  // as: rows are written with the drivers' own names only.
  const account: Account = { subject: row.account_id, driver: row.driver as DriverId, display: row.display };
  const isMadeByOperator = row.driver === 'local' && row.made_by === 'operator';
  return isMadeByOperator ? { ...account, userName: row.external_id } : account;
}

function newAccount({ driver, externalId, display }: Identity, at: number): AccountRow {
  return {
    account_id: accountIdOf(driver, externalId),
    driver,
    external_id: externalId,
    display: clip(display),
    password_hash: null,
    created_at: at,
    seen_at: null,
    disabled_at: null,
    made_by: null,
  };
}

/** Whoever signs in with a key is the tenant that the same key is when it comes as a bearer. */
function accountIdOf(driver: DriverId, externalId: string): string {
  if (driver === 'apikey') return `key:${externalId}`;
  const digest = createHash('sha256').update(externalId).digest('base64url');
  return `${driver}_${digest.slice(0, 22)}`;
}

export interface NewLocalAccount {
  userName: string;
  password: string;
  display?: string | undefined;
  /** `self`: by whoever it is for. Default: the operator. */
  madeBy?: 'operator' | 'self' | undefined;
}

/** Makes an account with a password. Errors: `validation_failed`, also when the name is taken. */
export async function createLocalAccount(
  database: Database,
  { userName, password, display, madeBy = 'operator' }: NewLocalAccount,
  now = Date.now(),
): Promise<Account> {
  const name = parseUserName(userName);
  if (name === undefined)
    throw refused('user name', 'has letters, digits and . _ @ + -, and begins with a letter or digit');
  const problem = problemOfPassword(password);
  if (problem !== undefined) throw new AppError('validation_failed', problem);
  const row: AccountRow = {
    account_id: `acct_${randomBytes(16).toString('base64url')}`,
    driver: 'local',
    external_id: name,
    display: clip(display ?? userName.trim()),
    password_hash: await hashPassword(password),
    created_at: now,
    seen_at: null,
    disabled_at: null,
    made_by: madeBy,
  };
  if (!(await insertAccount(database.queries, row))) throw refused('user name', 'is taken');
  return toAccount(row);
}

/** Sets another password and ends every session. Errors: `validation_failed`, `not_found`. */
export async function setPassword(
  database: Database,
  { accountId, password }: { accountId: string; password: string },
): Promise<void> {
  const problem = problemOfPassword(password);
  if (problem !== undefined) throw new AppError('validation_failed', problem);
  const passwordHash = await hashPassword(password);
  const row = await updateAccount(database.queries, accountId, { password_hash: passwordHash });
  if (row === undefined) throw new AppError('not_found', 'There is no such account.');
  await deleteSessionsOf(database.queries, { accountId });
}

function refused(field: string, rule: string): AppError {
  return new AppError('validation_failed', `The ${field} ${rule}.`);
}

/** Names of other systems can be of any length and hold anything. */
function clip(text: string): string {
  return [...text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')].slice(0, 200).join('').trim() || 'Somebody';
}
