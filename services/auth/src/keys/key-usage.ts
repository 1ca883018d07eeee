import { type Database, markApiKeysUsed } from '@inferry/database';
import type { Logger } from 'pino';

/** Notes which keys are in use, without a write per call. */
export interface KeyUsage {
  note(keyId: string): void;
  /** Writes what was noted; never rejects. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface KeyUsageOptions {
  log: Pick<Logger, 'warn'>;
  now: () => number;
  intervalMs?: number;
}

/** More keys than this between two writes are not noted: the time of last use is a help, not a record. */
const maxNoted = 20_000;
const batchSize = 500;

/** Collects uses and writes them at most once a minute, in batches. */
export function createKeyUsage(database: Database, options: KeyUsageOptions): KeyUsage {
  const { log, now, intervalMs = 60_000 } = options;
  const noted = new Set<string>();
  let flushing = Promise.resolve();

  async function write(): Promise<void> {
    const keyIds = [...noted].sort();
    noted.clear();
    try {
      for (let start = 0; start < keyIds.length; start += batchSize) {
        const batch = keyIds.slice(start, start + batchSize);
        // In a transaction, because two replicas may lock the same rows in another order: it is repeated then.
        await database.transaction((queries) =>
          markApiKeysUsed(queries, { keyIds: batch, at: now(), minAgeMs: intervalMs }),
        );
      }
    } catch (error) {
      log.warn({ err: error }, 'the last use of keys was not written');
    }
  }

  function flush(): Promise<void> {
    flushing = flushing.then(write);
    return flushing;
  }

  const timer = setInterval(() => void flush(), intervalMs);
  timer.unref();

  return {
    note(keyId) {
      if (noted.size < maxNoted) noted.add(keyId);
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
