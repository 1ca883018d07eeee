import type { IncomingMessage } from 'node:http';
import type { Principal, ProfileAccess } from '@inferry/contracts';
import type { MountKeys } from './passthrough-verifier.ts';

/** The WWW-Authenticate header of a refused credential (RFC 6750, section 3; RFC 9728, section 5.1). */
export interface Challenge {
  error?: 'invalid_token' | 'insufficient_scope';
  scope?: string;
  /**
   * The credential was an API key: its client is not sent looking for an authorization server, which it would sign in
   * at instead of using the key that it was configured with.
   */
  isKey?: boolean;
}

/** What the clients of the mount are told that a request came to; nothing of its own: as the deployment's. */
export type AccessAt = (request: IncomingMessage | undefined) => MountAccess;
export type MountAccess = ProfileAccess & MountKeys;

/** `request`: the one that is refused; the metadata that it is led to covers the address that it came to. */
export type Challenger = (
  challenge?: Challenge,
  request?: IncomingMessage,
) => Readonly<Record<string, string>>;

/** `resourceMetadata` is given only where there is an authorization server. */
export function createChallenger(
  ownRealm: string,
  resourceMetadata?: string | ((request: IncomingMessage | undefined) => string | undefined),
  accessAt: AccessAt = () => ({}),
): Challenger {
  const metadataAt = (request: IncomingMessage | undefined): string => {
    const url = typeof resourceMetadata === 'function' ? resourceMetadata(request) : resourceMetadata;
    return url === undefined ? '' : `, resource_metadata="${url}"`;
  };
  return ({ error, scope, isKey = false } = {}, request) => {
    const { realm = ownRealm, isAlwaysExplained = false, scope: ownScope } = accessAt(request);
    const metadata = isKey && !isAlwaysExplained ? '' : metadataAt(request);
    const reason = error ?? (isAlwaysExplained ? 'invalid_token' : undefined);
    // What a call lacks is asked for as it is; a sign-in is for what the mount is about.
    const asked = error === 'insufficient_scope' ? scope : scope && (ownScope ?? scope);
    return {
      'www-authenticate': `Bearer realm="${realm}"${toPart('error', reason)}${toPart('scope', asked)}${metadata}`,
      // Whoever signs in next must not get this answer again.
      'cache-control': 'no-store',
    };
  };
}

function toPart(name: string, value: string | undefined): string {
  return value === undefined ? '' : `, ${name}="${value}"`;
}

/** The challenge of an admitted caller whose scopes do not suffice, or whose access has ended meanwhile. */
export function challengeAdmitted(
  challenge: Challenger,
  { kind, scopes }: Principal,
  wanted: { scope: unknown; status: number },
): Readonly<Record<string, string>> | undefined {
  const isKey = kind !== 'oauth';
  if (typeof wanted.scope === 'string') {
    // A client asks for exactly what it is told, so that it would lose what it has (MCP 2026-07-28, authorization).
    const scope = isKey ? wanted.scope : [...new Set([...scopes, wanted.scope])].join(' ');
    return challenge({ error: 'insufficient_scope', scope, isKey });
  }
  return wanted.status === 401 ? challenge({ error: 'invalid_token', isKey }) : undefined;
}
