import type { Method } from '../exchange.ts';
import type { ServerIdentity } from '../identity.ts';
import { metaKeys, modernVersion } from '../versions.ts';

/** The same for every caller, so any cache may keep it: a restart with another configuration shows within 5 minutes. */
const cache = { ttlMs: 300_000, cacheScope: 'public' };

/** What the modern era has instead of a handshake (MCP 2026-07-28, server/discover). */
export function answerServerDiscover(identity: ServerIdentity): Method {
  const { serverInfo, icons } = identity;
  const shown = icons.length === 0 ? serverInfo : { ...serverInfo, icons };
  const result = JSON.stringify({
    resultType: 'complete',
    _meta: { [metaKeys.serverInfo]: shown },
    supportedVersions: [modernVersion],
    capabilities: identity.capabilities.modern,
    instructions: identity.instructions,
    ...cache,
  });
  return () => result;
}
