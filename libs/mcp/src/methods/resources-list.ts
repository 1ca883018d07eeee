/** resources/list over all services, with cursors that say at which one it goes on. */
import type { Bus } from '@inferry/bus';
import { AppError, isObject, toAppError } from '@inferry/contracts';
import type { Exchange, Method } from '../exchange.ts';
import { isRefusal, type Refusal } from '../json-rpc.ts';
import { cacheable, cursorOf, listTtlMs, partialListTtlMs, refuseCursor } from '../lists.ts';
import type { OfferedSurface, Surfaces } from '../surfaces/surfaces.ts';
import type { ListResourcesResult } from '../wire.ts';

interface Place {
  /** The services from which the list goes on. */
  surfaces: readonly OfferedSurface[];
  /** Where in the first of them. */
  cursor: string | undefined;
}

interface Page {
  items: ListResourcesResult['resources'];
  nextCursor: string | undefined;
  isWhole: boolean;
}

/** The services' resources one after another, each in pages of its own. */
export function listResources({ bus, surfaces }: { bus: Bus; surfaces: Surfaces }): Method {
  return async (exchange) => {
    const { offered, isWhole } = await surfaces.view(exchange);
    const place = placeOf(exchange, offered);
    if (isRefusal(place)) return place;
    try {
      const page = await readPage(bus, exchange, place);
      const next = page.nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(page.nextCursor)}`;
      const ttlMs = isWhole && page.isWhole ? listTtlMs : partialListTtlMs;
      return cacheable(exchange.era, ttlMs, `"resources":${JSON.stringify(page.items)}${next}`);
    } catch (error) {
      const { code } = toAppError(error);
      return code === 'cancelled' ? undefined : refuseCursor();
    }
  };
}

function placeOf(exchange: Exchange, offered: readonly OfferedSurface[]): Place | Refusal {
  const cursor = cursorOf(exchange);
  if (cursor === undefined) return { surfaces: offered, cursor: undefined };
  const position = typeof cursor === 'string' ? parseResourceCursor(cursor) : undefined;
  const at = offered.findIndex(({ surface }) => surface.service === position?.service);
  return at === -1 ? refuseCursor() : { surfaces: offered.slice(at), cursor: position?.cursor };
}

/** One page is enough for what most services list: an empty second one costs every client a request. */
const enough = 100;

/** A service that cannot be asked is left out (RF-74); one that refuses its cursor is told to the client. */
async function readPage(
  bus: Bus,
  { principal, channel, offer: { profile } }: Exchange,
  place: Place,
): Promise<Page> {
  const items: Page['items'] = [];
  let isWhole = true;
  let { cursor } = place;
  for (const { surface } of place.surfaces) {
    if (items.length >= enough) {
      return {
        items,
        nextCursor: toResourceCursor({ service: surface.service, cursor: undefined }),
        isWhole,
      };
    }
    try {
      const input = cursor === undefined ? {} : { cursor };
      const page = await bus.call(surface.listResources, input, { principal, signal: channel.signal });
      items.push(...page.items.filter((item) => profile.hasResource(item)));
      if (page.next_cursor !== undefined) {
        const next = toResourceCursor({ service: surface.service, cursor: page.next_cursor });
        return { items, nextCursor: next, isWhole };
      }
    } catch (error) {
      if (error instanceof AppError && (error.code === 'cancelled' || error.code === 'invalid_cursor')) {
        throw error;
      }
      isWhole = false;
    }
    cursor = undefined;
  }
  return { items, nextCursor: undefined, isWhole };
}

/** Where a list of resources goes on: at which service, and where there. */
interface ResourcePosition {
  service: string;
  cursor: string | undefined;
}

/** Opaque to clients; another form of it gets another `v`. */
function toResourceCursor({ service, cursor }: ResourcePosition): string {
  return Buffer.from(JSON.stringify({ v: 1, s: service, c: cursor })).toString('base64url');
}

/** Undefined when it was not made here. */
function parseResourceCursor(cursor: string): ResourcePosition | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!isObject(value) || value.v !== 1 || typeof value.s !== 'string') return undefined;
    if (value.c !== undefined && typeof value.c !== 'string') return undefined;
    return { service: value.s, cursor: value.c };
  } catch {
    // Not base64, or not JSON: not ours.
    return undefined;
  }
}
