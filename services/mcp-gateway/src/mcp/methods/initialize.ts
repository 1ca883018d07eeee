import type { Method } from '../exchange.ts';
import type { ServerIdentity } from '../identity.ts';
import { isLegacyVersion, legacyVersions } from '../versions.ts';

/**
 * The handshake of the legacy era, whenever it comes: nothing is remembered of it, so every other request is served
 * without it too (X13, MR-56). The session id that goes with the answer is the HTTP endpoint's business.
 */
export function answerInitialize(identity: ServerIdentity): Method {
  const results = new Map(
    legacyVersions.map((version) => [
      version,
      JSON.stringify({
        protocolVersion: version,
        capabilities: identity.capabilities.legacy,
        serverInfo: hasIcons(version)
          ? { ...identity.serverInfo, icons: identity.icons }
          : identity.serverInfo,
        instructions: identity.instructions,
      }),
    ]),
  );
  function hasIcons(version: string): boolean {
    // Earlier revisions have no icons (MCP 2025-11-25, changelog).
    return version === '2025-11-25' && identity.icons.length > 0;
  }

  return ({ request }) => {
    const { protocolVersion } = request.params;
    return results.get(isLegacyVersion(protocolVersion) ? protocolVersion : legacyVersions[0]);
  };
}
