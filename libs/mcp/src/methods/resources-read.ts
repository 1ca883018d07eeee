import type { Bus } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import type { RunRounds } from '../client/rounds.ts';
import type { Method } from '../exchange.ts';
import { refuseParams } from '../json-rpc.ts';
import { cacheable } from '../lists.ts';
import { refuseFailure, refuseResource } from '../surfaces/refuse-failure.ts';
import { ownerOfUri, type Surfaces } from '../surfaces/surfaces.ts';
import type { ReadResourceResult } from '../wire.ts';

const maxUriLength = 2_048;

export interface ReadResourceDeps {
  bus: Bus;
  surfaces: Surfaces;
  rounds: RunRounds;
}

/** Reads a resource where its URI says that it is; a resource may ask its client as a tool may. */
export function readResource({ bus, surfaces, rounds }: ReadResourceDeps): Method {
  return async (exchange) => {
    const { era, request, principal, channel, offer } = exchange;
    const { uri } = request.params;
    if (typeof uri !== 'string') return refuseParams(['validation_failed', 'params.uri must be a string.']);
    const { offered } = await surfaces.view(exchange);
    const isOffered = uri.length <= maxUriLength && offer.profile.hasResource({ uri });
    const owner = isOffered ? ownerOfUri(offered, uri) : undefined;
    if (owner === undefined) return refuseResource(era, uri.slice(0, maxUriLength));
    try {
      const { signal } = channel;
      return await rounds(exchange, async (client) => {
        const { contents, ttl_ms: ttlMs } = await bus.call(
          owner.surface.readResource,
          { uri },
          { principal, signal, client },
        );
        return cacheable(
          era,
          ttlMs,
          `"contents":${JSON.stringify(contents satisfies ReadResourceResult['contents'])}`,
        );
      });
    } catch (error) {
      const isUnknown = error instanceof AppError && error.code === 'resource_not_found';
      return isUnknown ? refuseResource(era, uri) : refuseFailure(error);
    }
  };
}
