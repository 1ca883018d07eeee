import type { Bus } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import type { Method } from '../exchange.ts';
import { refuseParams } from '../json-rpc.ts';
import { refuseResource } from '../surfaces/refuse-failure.ts';
import { ownerOfUri, type Surfaces } from '../surfaces/surfaces.ts';

/**
 * Accepted in the legacy era for clients that ask whatever the capabilities say: those have no `subscribe`, since a
 * change cannot be told without a stream that stays open on one replica. The modern era listens. What does not exist for
 * this caller is said not to.
 */
export function subscribeToResource({ bus, surfaces }: { bus: Bus; surfaces: Surfaces }): Method {
  return async (exchange) => {
    const { era, request, principal, channel, offer } = exchange;
    const { uri } = request.params;
    if (typeof uri !== 'string') return refuseParams(['validation_failed', 'params.uri must be a string.']);
    const { offered } = await surfaces.view(exchange);
    const isOffered = uri.length <= 2_048 && offer.profile.hasResource({ uri });
    const owner = isOffered ? ownerOfUri(offered, uri) : undefined;
    if (owner === undefined) return refuseResource(era, uri.slice(0, 2_048));
    try {
      await bus.call(owner.surface.readResource, { uri }, { principal, signal: channel.signal });
    } catch (error) {
      if (error instanceof AppError && error.code === 'resource_not_found') return refuseResource(era, uri);
      // It exists, and cannot be read without more, or now: neither is needed to follow it.
    }
    return '{}';
  };
}
