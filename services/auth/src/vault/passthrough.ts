import { type Principal, passthroughSeen, type SealedText, type Secret } from '@inferry/contracts';
import { findUsableConnection, setConnectionExpiry, sweepConnections } from '@inferry/database/connections';
import type { Probe } from '@inferry/providers';
import { type NewConnection, toRow } from './connections.ts';
import type { CredentialsDeps } from './credentials.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { MemoryKeys } from './memory-keys.ts';
import { probeKey } from './probe-key.ts';

export interface PassthroughDeps extends CredentialsDeps {
  fingerprint: Fingerprint;
  /** Where these keys are never stored; undefined: they are, sealed, while runs need them. */
  memory: MemoryKeys | undefined;
}

/** As long as nobody needs it for longer: every use pushes the end back. */
const keepMs = 15 * 60_000;
/** Longer than a gateway keeps its verdict: whoever it lets in meanwhile still finds their key. */
const afterReleaseMs = 90_000;
const probeTimeoutMs = 5_000;

/** How a caller with their own key is known: by its fingerprint, in the whole system. */
export function passthroughIds(fingerprint: string): { subject: string; id: string } {
  return { subject: `key:${fingerprint}`, id: `pt_${fingerprint}` };
}

/**
 * Tries a key that a caller brought along and keeps it, sealed, for as long as their runs need it. Undefined: the
 * platform could not be asked. Null: it refused the key.
 */
export async function admitPassthrough(
  deps: PassthroughDeps,
  { provider, key, sealed }: { provider: string; key: Secret; sealed: SealedText },
): Promise<Principal | null | undefined> {
  const { subject, id } = passthroughIds(deps.fingerprint(provider, key));
  const probe = await probeKey(deps.providers.get(provider), { key, timeoutMs: probeTimeoutMs });
  if (probe.outcome === 'rejected') {
    await deps.connections.remove(id);
    return null;
  }
  if (probe.outcome === 'unknown') return undefined;
  if (deps.memory === undefined) await store(deps, { provider, key, probe });
  else {
    holdPassthrough(deps, { provider, key });
    // Whichever replica is asked for the key later has it then; it travels sealed, as it came.
    deps.bus.publish(passthroughSeen, { provider, sealed });
  }
  return { subject, grant_id: id, kind: 'passthrough', scopes: ['mcp', 'infra'] };
}

/** Keeps a key in memory, where none of these is ever stored. */
export function holdPassthrough(
  { memory, fingerprint, now }: Pick<PassthroughDeps, 'memory' | 'fingerprint' | 'now'>,
  { provider, key }: { provider: string; key: Secret },
): void {
  const { subject, id } = passthroughIds(fingerprint(provider, key));
  const connection = toConnection({ provider, key, subject, id, probe: { outcome: 'ok' } });
  const row = toRow(connection, { connectionId: id, at: now() });
  memory?.put({ row, held: key }, now() + keepMs);
}

async function store(
  deps: PassthroughDeps,
  { provider, key, probe }: { provider: string; key: Secret; probe: Probe },
): Promise<void> {
  const { queries } = deps.database;
  const { subject, id } = passthroughIds(deps.fingerprint(provider, key));
  const expiresAt = deps.now() + keepMs;
  const known = await findUsableConnection(queries, { subject, connectionId: id });
  const isKept = known !== undefined && (await setConnectionExpiry(queries, { connectionId: id, expiresAt }));
  if (!isKept)
    await deps.connections.put({ ...toConnection({ provider, key, subject, id, probe }), expiresAt });
}

function toConnection(brought: {
  provider: string;
  key: Secret;
  subject: string;
  id: string;
  probe: Probe;
}): NewConnection {
  const { provider, key, subject, id, probe } = brought;
  const owner = { kind: 'user', id: subject } as const;
  return { provider, key, probe, owner, label: 'brought along', origin: 'passthrough', connectionId: id };
}

/** A run needs the key: it is kept for another while. */
export async function keepPassthrough(deps: PassthroughDeps, connectionId: string): Promise<void> {
  await setConnectionExpiry(deps.database.queries, { connectionId, expiresAt: deps.now() + keepMs });
}

/** No run needs the key any more; it is wiped when no gateway can let its caller in on an old verdict. */
export async function releasePassthrough(
  deps: PassthroughDeps,
  { subject, provider }: { subject: string; provider: string },
): Promise<boolean> {
  const rows = await deps.connections.usable({ subject, grant_id: '' }, provider);
  const brought = rows.find(({ row }) => row.origin === 'passthrough' && row.owner_id === subject);
  if (brought === undefined) return false;
  if (deps.memory !== undefined) return true;
  const { connection_id: connectionId, expires_at: expiresAt } = brought.row;
  const end = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, deps.now() + afterReleaseMs);
  await setConnectionExpiry(deps.database.queries, { connectionId, expiresAt: end });
  return true;
}

/** Wipes keys whose time is over. */
export async function sweepPassthrough(
  deps: Pick<PassthroughDeps, 'database' | 'memory' | 'now'>,
): Promise<number> {
  deps.memory?.sweep();
  return sweepConnections(deps.database.queries, deps.now());
}
