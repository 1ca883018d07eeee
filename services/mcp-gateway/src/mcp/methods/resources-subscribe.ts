import { refuseParams } from '../../refusal.ts';
import type { Method } from '../exchange.ts';
import { ownerOfUri } from '../surfaces/owner.ts';
import { refuseResource } from '../surfaces/refuse-failure.ts';
import type { Surfaces } from '../surfaces/surfaces.ts';

/**
 * Accepted in the legacy era for clients that ask whatever the capabilities say: those have no `subscribe`, since a
 * change cannot be told without a stream that stays open on one replica. The modern era listens.
 */
export function subscribeToResource({ surfaces }: { surfaces: Surfaces }): Method {
  return async ({ era, request, principal }) => {
    const { uri } = request.params;
    if (typeof uri !== 'string') return refuseParams(['validation_failed', 'params.uri must be a string.']);
    const { offered } = await surfaces.view(principal.scopes);
    return ownerOfUri(offered, uri) === undefined ? refuseResource(era, uri.slice(0, 2_048)) : '{}';
  };
}
