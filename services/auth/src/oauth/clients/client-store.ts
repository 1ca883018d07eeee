import type { Database } from '@inferry/database';
import { findClient, putClient, touchClients } from '@inferry/database/oauth';
import { z } from 'zod';
import type { OAuthSettings } from '../settings.ts';

const Metadata = z.record(z.string(), z.unknown());
type Metadata = z.infer<typeof Metadata>;

/** Clients that registered themselves. Registrations that nobody uses end by themselves. */
export interface ClientStore {
  find(clientId: string): Promise<Metadata | undefined>;
  put(clientId: string, metadata: object): Promise<void>;
  /** Pushes the end of these registrations back. */
  touch(clientIds: readonly string[]): Promise<void>;
}

/** A registration does not change, so it is read again only to notice that it ended. */
const cacheMs = 10_000;
const maxCached = 10_000;

/** A use is noted at most once a day: it moves an end that is weeks away. */
const touchEveryMs = 86_400_000;

export function createClientStore(deps: {
  database: Database;
  settings: OAuthSettings;
  now(): number;
}): ClientStore {
  const { database, settings, now } = deps;
  const cached = new Map<string, { until: number; metadata: Metadata }>();
  return {
    async find(clientId) {
      const known = cached.get(clientId);
      if (known !== undefined && known.until > now()) return known.metadata;
      const row = await findClient(database.queries, { clientId, at: now() });
      cached.delete(clientId);
      if (row === undefined) return undefined;
      const metadata = Metadata.parse(JSON.parse(row.metadata));
      cached.set(clientId, { until: Math.min(now() + cacheMs, row.expires_at), metadata });
      const [oldest] = cached.keys();
      if (cached.size > maxCached && oldest !== undefined) cached.delete(oldest);
      return metadata;
    },
    async put(clientId, metadata) {
      const at = now();
      await putClient(database.queries, {
        clientId,
        metadata: JSON.stringify(metadata),
        at,
        expiresAt: at + settings.unusedClientSeconds * 1_000,
      });
    },
    async touch(clientIds) {
      const at = now();
      await touchClients(database.queries, {
        clientIds,
        at,
        expiresAt: at + settings.usedClientSeconds * 1_000,
        unlessSince: at - touchEveryMs,
      });
    },
  };
}
