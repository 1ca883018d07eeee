import type { Method } from '../exchange.ts';
import type { ServerIdentity } from '../identity.ts';
import { metaKeys, modernVersion } from '../versions.ts';
import type { DiscoverResult } from '../wire.ts';

/** The same for every caller, so any cache may keep it: a restart with another configuration shows within 5 minutes. */
const cache = { ttlMs: 300_000, cacheScope: 'public' } as const;

/** What the modern era has instead of a handshake (MCP 2026-07-28, server/discover). */
export function answerServerDiscover(): Method {
  const written = new WeakMap<ServerIdentity, string>();
  return ({ offer: { identity } }) => {
    const known = written.get(identity);
    if (known !== undefined) return known;
    const result = write(identity);
    written.set(identity, result);
    return result;
  };
}

function write(identity: ServerIdentity): string {
  const { serverInfo, icons } = identity;
  const shown = icons.length === 0 ? serverInfo : { ...serverInfo, icons };
  return JSON.stringify({
    resultType: 'complete',
    _meta: { [metaKeys.serverInfo]: shown },
    supportedVersions: [modernVersion],
    capabilities: identity.capabilities.modern,
    instructions: identity.instructions,
    ...cache,
  } satisfies DiscoverResult);
}
