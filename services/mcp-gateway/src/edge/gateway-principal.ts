import type { Principal } from '@inferry/contracts';

/** The gateway itself, when it asks another service on nobody's behalf. */
export const gatewayPrincipal: Principal = {
  subject: 'system:mcp-gateway',
  grant_id: 'system',
  kind: 'local',
  scopes: [],
};
