import type { Bus } from '@inferry/bus';
import { grantRevoked, readRevocations } from '@inferry/contracts';
import type { Parts } from '@inferry/runtime';
import { gatewayPrincipal } from './gateway-principal.ts';
import { keepRead } from './keep-read.ts';

export interface RevokedGrants {
  /** False until the whole set was read once: before that, nobody is let in. */
  readonly isLoaded: boolean;
  has(grantId: string): boolean;
  /** For how long no revocation can have arrived; 0 while the bus is there. */
  readonly deafMs: number;
  close(): void;
}

export interface RevokedGrantsOptions {
  log: Pick<Parts['log'], 'warn'>;
  /** Told of each grant once, whether its event came or the repair found it. */
  onRevoked?: (grantId: string) => void;
  /** How often the set is repaired, since an event may be lost. */
  refreshMs?: number;
  /** How soon a failed reading is tried again: events may have been lost meanwhile. */
  retryMs?: number;
  random?: () => number;
  now?: () => number;
}

const pageSize = 10_000;

/** A verdict is asked again within minutes, so only recent revocations matter; the oldest are forgotten. */
const maxGrants = 200_000;

/** The revoked set: told by events, repaired by reading what came after the last sequence number seen. */
export function watchRevokedGrants(bus: Bus, options: RevokedGrantsOptions): RevokedGrants {
  const { log, refreshMs = 30_000, retryMs, random, now = Date.now } = options;
  const grants = new Set<string>();
  let after = 0;
  let lostAt: number | undefined;
  let isLoaded = false;

  function add(grantId: string): void {
    if (grants.has(grantId)) return;
    grants.add(grantId);
    options.onRevoked?.(grantId);
    if (grants.size <= maxGrants) return;
    const oldest = grants.values().next();
    if (!oldest.done) grants.delete(oldest.value);
  }

  async function readDelta(): Promise<void> {
    for (;;) {
      const { items, latest } = await readPage(bus, after);
      for (const { seq, grant_id: grantId } of items) {
        add(grantId);
        after = Math.max(after, seq);
      }
      if (items.length < pageSize || after >= latest) break;
    }
    isLoaded = true;
    lostAt = undefined;
  }

  // The event's sequence number is not taken: one before it may have been lost.
  const subscription = bus.on(grantRevoked, ({ grant_id: grantId }) => add(grantId));
  bus.onStatus((isConnected) => {
    if (!isConnected) lostAt ??= now();
  });
  const kept = keepRead(bus, { what: 'revocations', read: readDelta, log, refreshMs, retryMs, random });

  return {
    get isLoaded() {
      return isLoaded;
    },
    has: (grantId) => grants.has(grantId),
    get deafMs() {
      return lostAt === undefined ? 0 : now() - lostAt;
    },
    close() {
      kept.close();
      subscription.unsubscribe();
    },
  };
}

function readPage(bus: Pick<Bus, 'call'>, after: number) {
  return bus.call(readRevocations, { after, limit: pageSize }, { principal: gatewayPrincipal });
}
