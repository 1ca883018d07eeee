import { randomBytes } from 'node:crypto';
import { type Configuration, errors, type JWK, type KoaContextWithOIDC } from 'oidc-provider';
import type { Grant } from '../grants/grants.ts';
import { defaultResource, isOwnResource } from '../policy/resource.ts';
import { allScopes } from '../policy/scopes.ts';
import type { OAuthSettings } from '../settings.ts';
import { type AdapterDeps, createAdapter } from './adapter.ts';
import { resourceServerOf } from './resource-server.ts';

export interface ConfigurationParts extends AdapterDeps {
  settings: OAuthSettings;
  /** Private, the one to sign with first. */
  keys: readonly JWK[];
  /** Reads client metadata documents and the keys they name: what a stranger wrote where a stranger said. */
  fetchDocument: (url: string) => Promise<Response>;
  /** Clients that the operator knows. */
  staticClients: NonNullable<Configuration['clients']>;
  /** A grant for a client that acts for itself. */
  grantOfClient(clientId: string): Promise<Grant>;
}

export const enginePaths = {
  authorization: '/oauth/authorize',
  jwks: '/oauth/jwks',
  registration: '/oauth/register',
  revocation: '/oauth/revoke',
  token: '/oauth/token',
} as const;

/** The page where a person signs in and decides. */
export function interactionPath(uid: string): string {
  return `/oauth/interaction/${uid}`;
}

/** The engine's settings: the little of it that we use, everything else off. */
export function toConfiguration(parts: ConfigurationParts): Configuration {
  const { settings, keys, fetchDocument, staticClients } = parts;
  return {
    adapter: createAdapter(parts),
    clients: staticClients,
    // as: the ring's keys are P-256 keys with kid, use and alg.
    jwks: { keys: [...keys] },
    scopes: [...allScopes],
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    clientBasedCORS: () => true,
    // A redirect address is compared or refused, never guessed.
    allowOmittingSingleRegisteredRedirectUri: false,
    clockTolerance: 5,
    pkce: { required: () => true },
    routes: enginePaths,
    enabledJWA: { clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] },
    ...tokens(parts),
    features: features(parts),
    fetch: (url) => fetchDocument(String(url)),
    interactions: { url: (_ctx, { uid }) => interactionPath(uid) },
    findAccount: (_ctx, subject) => ({ accountId: subject, claims: () => ({ sub: subject }) }),
    async loadExistingGrant({ oidc }) {
      // Only what was decided in this very sign-in: nothing is remembered from one to the next.
      const grantId = oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : oidc.provider.Grant.find(grantId);
    },
    renderError,
    ttl: lifetimes(settings),
  };
}

function features(parts: ConfigurationParts): NonNullable<Configuration['features']> {
  const { settings } = parts;
  return {
    clientCredentials: { enabled: true },
    clientIdMetadataDocument: {
      enabled: true,
      // Makes an upgrade of this draft fail at the start instead of changing what is accepted.
      ack: 'draft-02',
      cacheDuration: { min: 60, max: 3_600 },
    },
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    introspection: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    registration: {
      enabled: true,
      idFactory: () => `client_${randomBytes(16).toString('base64url')}`,
      issueRegistrationAccessToken: false,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => defaultResource(settings),
      useGrantedResource: () => true,
      getResourceServerInfo(_ctx, asked) {
        if (!isOwnResource(asked, settings)) throw new errors.InvalidTarget();
        return resourceServerOf(settings, asked);
      },
    },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
  };
}

function tokens({ grantOfClient }: ConfigurationParts): Configuration {
  return {
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: () => true,
    async extraTokenClaims(_ctx, token) {
      if ('grantId' in token && token.grantId !== undefined) return { gid: token.grantId };
      const { grantId, subject } = await grantOfClient(token.clientId ?? '');
      // The engine would name the client itself: `sub` below comes from here.
      return { gid: grantId, sub_of_client: subject };
    },
    formats: {
      customizers: {
        // Exactly the claims that the gateways need (RFC 9068): no person's data, no key.
        jwt(_ctx, _token, { payload }) {
          payload.sub = payload.sub_of_client ?? payload.sub;
          for (const name of Object.keys(payload)) if (!claims.has(name)) delete payload[name];
        },
      },
    },
  };
}

const claims = new Set(['iss', 'aud', 'sub', 'client_id', 'scope', 'iat', 'exp', 'jti', 'gid']);

function lifetimes(settings: OAuthSettings): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: settings.accessTokenSeconds,
    ClientCredentials: settings.accessTokenSeconds,
    AuthorizationCode: settings.codeSeconds,
    Interaction: settings.interactionSeconds,
    Session: settings.interactionSeconds,
    Grant: settings.grantSeconds,
    RefreshToken(_ctx, token) {
      const age = Math.floor(Date.now() / 1_000) - (token.iiat ?? 0);
      return Math.max(1, Math.min(settings.refreshIdleSeconds, settings.grantSeconds - age));
    },
  };
}

/** Told to us as JSON: what a person sees of it is decided by the page. */
async function renderError(ctx: KoaContextWithOIDC, out: object): Promise<void> {
  ctx.type = 'json';
  ctx.body = JSON.stringify(out);
}
