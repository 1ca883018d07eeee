import type { Handler } from '@inferry/bus';
import type { Connection, listConnections } from '@inferry/contracts';
import { z } from 'zod';
import type { Candidate } from '../vault/candidate.ts';
import { limitOf } from '../vault/connections.ts';
import { type CredentialsDeps, probeCandidate } from '../vault/credentials.ts';

/** A balance that was asked for this lately is not asked for again. */
const freshMs = 60_000;
const maxProbes = 10;
/** What remains of the call when platforms are still silent: the others' answers, and what was known. */
const answerMs = 400;

const Balance = z.object({ amount: z.number(), currency: z.string() });
const Owner = z.enum(['deployment', 'team', 'user']);
const State = z.enum(['ok', 'rejected', 'unknown']);

/** What the principal's runs can use. Whose account the deployment's key is, and what is left there, is not theirs. */
export function handleListConnections(deps: CredentialsDeps): Handler<typeof listConnections> {
  return async ({ probe }, { principal, deadlineAt }) => {
    const isOperator = principal.kind === 'local';
    let candidates = await deps.connections.usable(principal);
    if (
      probe === true &&
      (await probeStale(
        deps,
        candidates.filter((one) => isShown(one, isOperator)),
        deadlineAt - Date.now() - answerMs,
      ))
    )
      candidates = await deps.connections.usable(principal);
    const at = deps.now();
    return {
      connections: candidates.map((one) => toConnection(one, { isShown: isShown(one, isOperator), at })),
    };
  };
}

function isShown({ row }: Candidate, isOperator: boolean): boolean {
  return isOperator || row.owner_kind !== 'deployment';
}

/** True when something may have changed. A platform that takes longer is not waited for; its answer is kept when it comes. */
async function probeStale(
  deps: CredentialsDeps,
  candidates: readonly Candidate[],
  mostMs: number,
): Promise<boolean> {
  const stale = candidates
    .filter(({ row }) => deps.now() - (row.checked_at ?? 0) >= freshMs && row.state !== 'rejected')
    .slice(0, maxProbes);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, mostMs));
  const probed = Promise.all(
    stale.map(async (one) => deps.connections.noteProbe(one, await probeCandidate(deps, one))),
  );
  await Promise.race([probed, late]).finally(() => clearTimeout(timer));
  return stale.length > 0;
}

function toConnection(candidate: Candidate, { isShown, at }: { isShown: boolean; at: number }): Connection {
  const { row } = candidate;
  const connection: Connection = {
    connection_id: row.connection_id,
    provider: row.provider,
    label: isShown ? row.label : 'deployment',
    owner: Owner.parse(row.owner_kind),
    state: State.catch('unknown').parse(row.state),
    created_at: new Date(row.created_at).toISOString(),
  };
  if (row.checked_at !== null) connection.checked_at = new Date(row.checked_at).toISOString();
  const until = limitOf(candidate, at);
  if (until !== undefined) connection.limited_until = new Date(until).toISOString();
  if (!isShown) return connection;
  if (row.base_url !== null) connection.base_url = row.base_url;
  if (row.account !== null) connection.account = row.account;
  if (row.balance !== null) connection.balance = Balance.parse(JSON.parse(row.balance));
  return connection;
}
