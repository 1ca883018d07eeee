import { enginePaths } from '../engine/configuration.ts';
import { jwtBearer } from '../enterprise/enterprise-grant.ts';
import { allScopes } from '../policy/scopes.ts';

/** The same routes, as clients without documents guess them and some products write them. */
export const shortPaths = {
  authorization: '/authorize',
  token: '/token',
  registration: '/register',
} as const;

/** What clients must know of the authorization server (RFC 8414). Without S256 in it, MCP clients refuse to go on. */
export function authorizationServerMetadata(
  issuer: string,
  {
    grantTypes,
    hasDocuments,
    hasShortPaths = false,
  }: { grantTypes: readonly string[]; hasDocuments: boolean; hasShortPaths?: boolean },
): object {
  const { authorization, token, registration } = hasShortPaths ? shortPaths : enginePaths;
  return {
    issuer,
    authorization_endpoint: `${issuer}${authorization}`,
    token_endpoint: `${issuer}${token}`,
    registration_endpoint: `${issuer}${registration}`,
    revocation_endpoint: `${issuer}${enginePaths.revocation}`,
    jwks_uri: `${issuer}${enginePaths.jwks}`,
    // Without `offline_access`: clients that see it ask for it, and for `prompt=consent` each time.
    scopes_supported: allScopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grantTypes,
    ...(grantTypes.includes(jwtBearer)
      ? { authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'] }
      : {}),
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ],
    token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
    revocation_endpoint_auth_methods_supported: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: hasDocuments,
    // OpenID Connect Discovery asks for these two of whoever serves its document.
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}
