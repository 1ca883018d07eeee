import type { Handler } from '@inferry/bus';
import type { readAccess } from '@inferry/contracts';
import type { Candidate } from '../vault/candidate.ts';
import type { Connections } from '../vault/connections.ts';

/** What the caller can use of the providers that are asked about, and if not, why. */
export function handleReadAccess({
  connections,
}: {
  connections: Pick<Connections, 'usable' | 'standing' | 'isFree'>;
}): Handler<typeof readAccess> {
  return async ({ providers }, { principal }) => {
    const [candidates, standing] = await Promise.all([
      connections.usable(principal),
      connections.standing(principal),
    ]);
    const states = providers.map(({ slug, needs_key: needsKey }) => {
      const own = candidates.filter(({ row }) => row.provider === slug);
      const isOpenTo = !standing.isBound || connections.isFree(slug);
      return { slug, state: stateOf(own, { needsKey, isOpenTo }) };
    });
    return { providers: states, may_use_deployment: standing.mayUseDeployment };
  };
}

/** `isOpenTo`: whoever is behind it without a key of their own does not pay for it with another platform's. */
function stateOf(
  candidates: readonly Candidate[],
  { needsKey, isOpenTo }: { needsKey: boolean; isOpenTo: boolean },
): 'open' | 'refused' | 'missing' | 'closed' {
  if (candidates.some(({ row }) => row.state !== 'rejected')) return 'open';
  if (!needsKey) return isOpenTo ? 'open' : 'closed';
  return candidates.length > 0 ? 'refused' : 'missing';
}
