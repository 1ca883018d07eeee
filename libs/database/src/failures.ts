import { AppError } from '@inferry/contracts';

/** SQLSTATE or Node error codes after which the connection is gone or was never made. */
const lostConnectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  // Read-only: a standby, or a primary that became one. Its successor answers at the same address.
  '25006',
  '25P03',
  '25P04',
  '28000',
  '28P01',
  '3D000',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '57P04',
  '57P05',
]);

/** The server lives and did not get to it: canceled by a time-out, out of disk, memory or locks. */
const overloadedCodes = new Set(['57014', '55P03', '53000', '53100', '53200', '53400']);

/** The `pg` package throws these with no code. */
const lostConnectionTexts = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'is not queryable',
  'Query read timeout',
  'Client was closed',
  'Cannot use a pool after calling end',
];

/** SQLite primary result codes: BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB. */
const unusableSqliteCodes = new Set([5, 6, 8, 10, 11, 13, 14, 26]);

/** True when a row was refused because another one has the same unique key, on either database. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, errcode } = readCodes(error);
  // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_ROWID.
  return code === '23505' || errcode === 1555 || errcode === 2067 || errcode === 2579;
}

/** True when another connection holds the lock that a statement of SQLite needs. */
export function isBusy(error: unknown): boolean {
  const { errcode } = readCodes(error);
  return errcode !== undefined && (errcode & 0xff) === 5;
}

/** True when Postgres gave a transaction up for another's sake: the same work may succeed if repeated. */
export function isSerializationFailure(error: unknown): boolean {
  const { code } = readCodes(error);
  return code === '40001' || code === '40P01';
}

/** True when Postgres, or the pooler before it, has no connection left for anybody, or for this user or database. */
export function isServerFull(error: unknown): boolean {
  const { code } = readCodes(error);
  return code === '53300' || (code === '08P01' && textOf(error).includes('no more connections allowed'));
}

/** True when a pooler refuses what a connection is to be set to from its start. */
export function isStartRefused(error: unknown): boolean {
  return readCodes(error).code === '08P01' && textOf(error).includes('unsupported startup parameter');
}

/** True when the connection that threw `error` must not be used again. */
export function isConnectionLost(error: unknown): boolean {
  const { code } = readCodes(error);
  if (code !== undefined && (lostConnectionCodes.has(code) || /^08[0-9A-Z]{3}$/.test(code))) return true;
  return lostConnectionTexts.some((text) => textOf(error).includes(text));
}

/** What a caller gets instead of a driver's error when the database cannot be used now; undefined otherwise. */
export function toUnavailable(error: unknown): AppError | undefined {
  const { code, errcode } = readCodes(error);
  const isOverloaded = code !== undefined && overloadedCodes.has(code);
  const isUnusableFile = errcode !== undefined && unusableSqliteCodes.has(errcode & 0xff);
  if (!isOverloaded && !isUnusableFile && !isConnectionLost(error)) return undefined;
  return unavailable(sentenceOf(code, errcode), error);
}

/** What an operator can do about it; nothing of it is a secret. */
function sentenceOf(code: string | undefined, errcode: number | undefined): string {
  if (code === '53100' || (errcode !== undefined && isFullCode(errcode))) {
    return 'The disk of the database is full: what is there can be read, and nothing new is taken until there is room.';
  }
  if (code === '25006') return 'The database takes no writes now: it is a standby.';
  if (code === '53300') return 'The database has no connection left for now.';
  const primary = errcode === undefined ? undefined : errcode & 0xff;
  if (primary === 5 || primary === 6) return 'The database is locked by another program.';
  if (primary === 8) return 'The file of the database cannot be written to.';
  if (primary === 11 || primary === 26) return damaged;
  if (primary === 14) return 'The file of the database cannot be opened.';
  return 'The database cannot be reached.';
}

const damaged =
  'The file of the database is damaged or is no database: put a backup in its place, or move it away to begin anew.';

/** SQLITE_FULL, and a write that the disk refused (SQLITE_IOERR_WRITE, _FSYNC, _TRUNCATE, _SHMSIZE). */
function isFullCode(errcode: number): boolean {
  return (errcode & 0xff) === 13 || [778, 1034, 1546, 4874].includes(errcode);
}

/** True when there is no room for what was to be written. */
export function isDiskFull(error: unknown): boolean {
  const { code, errcode } = readCodes(error);
  return code === '53100' || (errcode !== undefined && isFullCode(errcode));
}

/** True when a file of SQLite is damaged, or is another kind of file. */
export function isDamaged(error: unknown): boolean {
  const { errcode } = readCodes(error);
  return errcode !== undefined && [11, 26].includes(errcode & 0xff);
}

export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('unavailable', message, { retryAfterSeconds: 2, cause });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

function readCodes(error: unknown): { code: string | undefined; errcode: number | undefined } {
  if (!(error instanceof Error)) return { code: undefined, errcode: undefined };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
  return { code, errcode };
}

/**
 * A value as both databases take it. Postgres stores no NUL in text: what callers write with one is refused where it comes in,
 * and what platforms write must not keep from being stored what was paid for.
 */
export function storable<T>(value: T): T | string {
  return typeof value === 'string' && value.includes('\u0000') ? value.replaceAll('\u0000', '\ufffd') : value;
}
