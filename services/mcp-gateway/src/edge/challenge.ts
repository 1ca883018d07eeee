/** The WWW-Authenticate header of a refused credential (RFC 6750, section 3; RFC 9728, section 5.1). */
export interface Challenge {
  error?: 'invalid_token' | 'insufficient_scope';
  scope?: string;
}

/**
 * `resourceMetadata` is given only where an authorization server exists: a client that finds discovery documents
 * ignores the API key that it was configured with.
 */
export function createChallenger(
  realm: string,
  resourceMetadata?: string,
): (challenge?: Challenge) => Readonly<Record<string, string>> {
  const metadata = resourceMetadata === undefined ? '' : `, resource_metadata="${resourceMetadata}"`;
  return ({ error, scope } = {}) => {
    const reason = error === undefined ? '' : `, error="${error}"`;
    const wanted = scope === undefined ? '' : `, scope="${scope}"`;
    return { 'www-authenticate': `Bearer realm="${realm}"${reason}${wanted}${metadata}` };
  };
}
