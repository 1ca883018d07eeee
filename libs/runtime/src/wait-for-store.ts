/** Waits for a store that is away at the start, for as long as it takes, and tells a refusal from an absence. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, ConfigError } from '@inferry/contracts';
import type { Logger } from 'pino';

/** A store that answers and will not serve us: only a person can mend that. */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';
}

interface WaitForStoreOptions {
  log: Pick<Logger, 'warn' | 'info'>;
  /** Store to what is wrong with it, for `/readyz`. */
  problems: Record<string, string>;
  /** Ends the wait: the process is told to stop. */
  signal: AbortSignal;
  random?: () => number;
}

const firstDelayMs = 100;
const longestDelayMs = 2_000;
const tellEveryMs = 10_000;

/** What opens a store, once it does. Rejects with `ConfigError` when the store refuses us, or when stopped. */
export async function waitForStore<T>(
  store: string,
  open: () => Promise<T>,
  { log, problems, signal, random = Math.random }: WaitForStoreOptions,
): Promise<T> {
  let toldAt = Number.NEGATIVE_INFINITY;
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(longestDelayMs, delayMs * 2)) {
    signal.throwIfAborted();
    try {
      const opened = await open();
      if (problems[store] !== undefined) log.info({ store }, 'the store answers');
      delete problems[store];
      return opened;
    } catch (error) {
      const refusal = refusalOf(store, error);
      if (refusal !== undefined) throw refusal;
      problems[store] = error instanceof Error ? error.message : 'does not answer';
      if (performance.now() - toldAt > tellEveryMs) {
        toldAt = performance.now();
        log.warn({ store, err: error }, 'waiting for a store');
      }
    }
    await sleep(delayMs * (0.5 + random()), undefined, { signal });
  }
}

const variableOf: Readonly<Record<string, string>> = {
  bus: 'NATS_URL',
  limits: 'REDIS_URL',
  database: 'DATABASE_URL',
};

/** SQLSTATEs of a server that knows what we want and says no. */
const refusedBy: Readonly<Record<string, string>> = {
  '28P01': 'Postgres refuses the user name or the password',
  '28000': 'Postgres does not let this user in',
  '3D000': 'Postgres has no database of this name',
  '42501': 'Postgres does not let this user create or read the tables',
};

/** The sentence for the person who runs it; undefined when waiting may help. */
function refusalOf(store: string, error: unknown): ConfigError | undefined {
  if (error instanceof ConfigError) return error;
  if (error instanceof StoreRefusal) return new ConfigError([error.message]);
  const variable = variableOf[store] ?? store;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause ? String(cause.code) : '';
    const refused = refusedBy[code];
    if (refused !== undefined)
      return new ConfigError([`${variable}: ${refused}; set the right one and start again`]);
    if (cause instanceof AppError && cause.message.includes('refuses the credentials')) {
      return new ConfigError([`${variable}: ${cause.message} Set the right ones and start again`]);
    }
  }
  // A database of another release or of another program: its own sentence says what to do.
  if (error instanceof AppError && error.code !== 'unavailable' && error.code !== 'busy') {
    return new ConfigError([`${variable}: ${error.message}`]);
  }
  return undefined;
}
