import type { Bus, Handler, HandlerContext } from '@inferry/bus';
import { AppError, type openCredential } from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { sealText } from '@inferry/seals';
import { findUsable } from '../vault/credentials.ts';
import { keepPassthrough, type PassthroughDeps } from '../vault/passthrough.ts';

const maxKeptSeconds = 60;
/** Whoever else asks has no use for a key. */
const callersOfPlatforms = ['inference-poller', 'catalog', 'compute'];

/** A key for whoever calls a platform on the principal's behalf, sealed to them. */
export function handleOpenCredential(
  deps: PassthroughDeps & { bus: Pick<Bus, 'isClaimed'> },
): Handler<typeof openCredential> {
  return async (input, { principal, run }) => {
    const { provider, public_key: publicKey, connection_id: connectionId } = input;
    if (!deps.bus.isClaimed(publicKey, input.public_key_proof, callersOfPlatforms)) {
      throw new AppError(
        'unauthorized',
        'The key that the answer is to be sealed to is of no service that may have it.',
      );
    }
    refuseOtherProvider(run, provider);
    const found = await findUsable(deps, principal, { provider, connectionId });
    if (found === undefined || found.row.state === 'rejected') return { credential: null };
    const { row } = found;
    if (row.origin === 'passthrough' && found.held === undefined)
      await keepPassthrough(deps, row.connection_id);
    const key = await deps.connections.openKey(found);
    return {
      credential: {
        connection_id: row.connection_id,
        sealed: sealText(key, publicKey, purposes.credential(provider, row.connection_id)),
        ...(row.base_url === null ? {} : { base_url: row.base_url }),
        owner: ownerOf(row),
        expires_in_seconds: maxKeptSeconds,
      },
    };
  };
}

function ownerOf({ owner_kind: kind }: { owner_kind: string }): 'deployment' | 'team' | 'user' {
  return kind === 'user' || kind === 'team' ? kind : 'deployment';
}

/** Who acts for the owner of a run has the keys for the platform of that run alone. */
export function refuseOtherProvider(run: HandlerContext['run'], provider: string): void {
  if (run === undefined || run.provider === provider) return;
  throw new AppError('unauthorized', 'The run is at another platform.');
}
