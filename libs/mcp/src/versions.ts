/** The revision without sessions and handshakes; every other one begins with `initialize`. */
export const modernVersion = '2026-07-28';

/** Newest first: what an `initialize` for any other version is answered with comes first. */
export const legacyVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;
export type LegacyVersion = (typeof legacyVersions)[number];

/** What a client without an `MCP-Protocol-Version` header speaks (MCP 2025-06-18, transports). */
export const assumedVersion: LegacyVersion = '2025-03-26';

export type Era = 'legacy' | 'modern';

function isLegacyVersion(value: unknown): value is LegacyVersion {
  return legacyVersions.some((version) => version === value);
}

/** What an `initialize` that asks for this version is answered with: the same, or the newest. */
export function negotiate(asked: unknown): LegacyVersion {
  return isLegacyVersion(asked) ? asked : legacyVersions[0];
}

/** Keys of the request envelope of the modern era (MCP 2026-07-28, basic). */
export const metaKeys = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const;
