import { createHash } from 'node:crypto';
import type { Bus } from '@inferry/bus';
import { grantRevoked } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { listGrantsOfConnection } from '@inferry/database/connections';
import { revokeGrantRow } from '@inferry/database/oauth';
import type { Limits } from '@inferry/limits';
import type { Probe, Provider } from '@inferry/providers';
import type { Candidate } from './candidate.ts';
import type { Asker } from './connections.ts';
import { type Connections, limitOf } from './connections.ts';
import { probeKey } from './probe-key.ts';

export interface CredentialsDeps {
  database: Database;
  bus: Pick<Bus, 'publish'>;
  limits: Pick<Limits, 'acquire'>;
  providers: ReadonlyMap<string, Provider>;
  connections: Connections;
  now(): number;
}

const probeTimeoutMs = 5_000;
/** A platform is asked about one key so often at most, however many runs report it. */
const probePauseMs = 10_000;

/**
 * The connection that a caller's run uses: the one it names, else the preferred one whose key was not refused. Where its
 * platform wants to be left alone, another one of the same owner: nobody else's money is spent instead.
 */
export async function findUsable(
  { connections, now }: Pick<CredentialsDeps, 'connections' | 'now'>,
  asker: Asker,
  wanted: { provider: string; connectionId?: string | undefined },
): Promise<Candidate | undefined> {
  const candidates = await connections.usable(asker, wanted.provider);
  if (wanted.connectionId !== undefined)
    return candidates.find(({ row }) => row.connection_id === wanted.connectionId);
  const usable = candidates.filter(({ row }) => row.state !== 'rejected');
  const [preferred] = usable;
  if (preferred === undefined || !isLimited(preferred, now())) return preferred;
  return usable.find((one) => isOfSameOwner(one, preferred) && !isLimited(one, now())) ?? preferred;
}

function isLimited(candidate: Candidate, at: number): boolean {
  return limitOf(candidate, at) !== undefined;
}

function isOfSameOwner({ row: one }: Candidate, { row: other }: Candidate): boolean {
  return one.owner_kind === other.owner_kind && one.owner_id === other.owner_id;
}

/** Notes how long a platform wants to be left alone; true when the same owner has another key that can be used now. */
export async function noteReportedLimit(
  deps: CredentialsDeps,
  asker: Asker,
  { candidate, seconds }: { candidate: Candidate; seconds: number },
): Promise<boolean> {
  const { connection_id: connectionId, provider } = candidate.row;
  await deps.connections.noteLimit(candidate, deps.now() + seconds * 1_000);
  const next = await findUsable(deps, asker, { provider });
  if (next === undefined || next.row.connection_id === connectionId) return false;
  return isOfSameOwner(next, candidate) && !isLimited(next, deps.now());
}

/** Asks the platform about a key that was refused. When it is dead, what rests on it ends. */
export async function checkReported(deps: CredentialsDeps, candidate: Candidate): Promise<Probe['outcome']> {
  const { connections } = deps;
  const { row } = candidate;
  if (row.state === 'rejected') return 'rejected';
  // Whoever holds the lock asks; it ends by itself.
  const lock = `probe/${createHash('sha256').update(row.connection_id).digest('base64url')}`;
  if ((await deps.limits.acquire(lock, probePauseMs)) === undefined) return 'unknown';
  const probe = await probeCandidate(deps, candidate);
  await connections.noteProbe(candidate, probe);
  if (probe.outcome === 'rejected') await endWhatRestsOn(deps, candidate);
  return probe.outcome;
}

export async function probeCandidate(
  { connections, providers }: Pick<CredentialsDeps, 'connections' | 'providers'>,
  candidate: Candidate,
): Promise<Probe> {
  const { provider, base_url: baseUrl } = candidate.row;
  const key = await connections.openKey(candidate);
  return probeKey(providers.get(provider), {
    key,
    baseUrl: baseUrl ?? undefined,
    timeoutMs: probeTimeoutMs,
  });
}

/**
 * The grants that were given for a dead key are revoked, so that the next call is answered 401 and the client signs in
 * again, with a key that works (X9).
 */
async function endWhatRestsOn(deps: CredentialsDeps, { row }: Candidate): Promise<void> {
  const { database, bus, connections, now } = deps;
  const { connection_id: connectionId, provider, origin } = row;
  for (const grantId of await listGrantsOfConnection(database.queries, connectionId)) {
    const seq = await database.transaction((queries) =>
      revokeGrantRow(queries, database.dialect, { grantId, at: now() }),
    );
    // Only now is it true: whoever hears the event and reads the table finds the revocation there.
    if (seq !== undefined) bus.publish(grantRevoked, { seq, grant_id: grantId });
  }
  // A key that was brought along has no other use.
  if (origin === 'passthrough') await connections.remove(connectionId);
  else connections.announce({ connectionId, provider });
}
