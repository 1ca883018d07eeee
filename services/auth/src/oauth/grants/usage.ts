import type { Database } from '@inferry/database';
import { markGrantsUsed } from '@inferry/database/oauth';
import type { Logger } from 'pino';
import type { ClientStore } from '../clients/client-store.ts';

/** Collects which grants and clients were used and writes it in batches: a help for their owners, not a record. */
export interface Usage {
  note(use: { grantId: string; clientId: string }): void;
  /** Never rejects. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const maxNoted = 20_000;
const batchSize = 500;
const intervalMs = 60_000;

export function createUsage(deps: {
  database: Database;
  clients: ClientStore;
  log: Pick<Logger, 'warn'>;
  now(): number;
}): Usage {
  const { database, clients, log, now } = deps;
  const grantIds = new Set<string>();
  const clientIds = new Set<string>();
  let flushing = Promise.resolve();

  async function write(): Promise<void> {
    const grants = take(grantIds);
    const ids = take(clientIds);
    try {
      for (const batch of batchesOf(grants)) {
        await database.transaction((queries) =>
          markGrantsUsed(queries, { grantIds: batch, at: now(), unlessSince: now() - intervalMs }),
        );
      }
      for (const batch of batchesOf(ids)) await clients.touch(batch);
    } catch (error) {
      log.warn({ err: error }, 'the last use of grants was not written');
    }
  }

  function flush(): Promise<void> {
    flushing = flushing.then(write);
    return flushing;
  }

  const timer = setInterval(() => void flush(), intervalMs);
  timer.unref();
  return {
    note({ grantId, clientId }) {
      if (grantIds.size < maxNoted) grantIds.add(grantId);
      if (clientIds.size < maxNoted) clientIds.add(clientId);
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** In one order everywhere, since two replicas may lock the same rows. */
function take(set: Set<string>): string[] {
  const ids = [...set].sort();
  set.clear();
  return ids;
}

function* batchesOf(ids: readonly string[]): Generator<string[]> {
  for (let start = 0; start < ids.length; start += batchSize) yield ids.slice(start, start + batchSize);
}
