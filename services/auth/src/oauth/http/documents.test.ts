import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimsOf, post, register, signIn, tokensOf } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;

beforeEach(async () => {
  oauth = await openOAuth();
});
afterEach(() => oauth.close());

const paths = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/mcp',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/mcp',
];

describe('the metadata', () => {
  it.each(paths)('is at %s, for any page [MR-48][RP-29][RW-40]', async (path) => {
    const response = await fetch(`${oauth.url}${path}`);

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    await expect(response.json()).resolves.toMatchObject({
      issuer: oauth.url,
      authorization_endpoint: `${oauth.url}/oauth/authorize`,
      token_endpoint: `${oauth.url}/oauth/token`,
      registration_endpoint: `${oauth.url}/oauth/register`,
      revocation_endpoint: `${oauth.url}/oauth/revoke`,
      jwks_uri: `${oauth.url}/oauth/jwks`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
  });

  it('lists our scopes and not offline_access, which clients would then ask for each time', async () => {
    const response = await fetch(`${oauth.url}${paths[0]}`);
    const { scopes_supported: scopes } = (await response.json()) as { scopes_supported: string[] };

    expect(scopes).toContain('mcp');
    expect(scopes).not.toContain('offline_access');
    expect(scopes).not.toContain('openid');
  });

  it('names the same issuer as the token, the callback and the keys do, byte for byte', async () => {
    const clientId = await register(oauth.url);
    const { callback } = await signIn(oauth.url, { clientId });
    const tokens = await tokensOf(oauth.url, { clientId });
    const issuers = await Promise.all(
      paths.map(
        async (path) => ((await (await fetch(`${oauth.url}${path}`)).json()) as { issuer: string }).issuer,
      ),
    );

    const all = [...issuers, claimsOf(tokens).iss, callback.searchParams.get('iss'), oauth.settings.issuer];

    expect(new Set(all)).toEqual(new Set([oauth.url]));
    expect(oauth.url.endsWith('/')).toBe(false);
  });
});

describe('the published keys', () => {
  it('are public halves alone, the same on every replica', async () => {
    const sets = await Promise.all(
      oauth.replicaUrls.map(
        async (url) => (await fetch(`${url}/oauth/jwks`)).json() as Promise<{ keys: object[] }>,
      ),
    );

    expect(sets[0]).toEqual(sets[1]);
    expect(sets[0]?.keys).toHaveLength(1);
    expect(Object.keys(sets[0]?.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it('say how long they may be kept', async () => {
    const response = await fetch(`${oauth.url}/oauth/jwks`);

    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('what is off', () => {
  it.each(['/me', '/userinfo', '/request', '/session/end', '/token/introspection', '/reg', '/auth', '/jwks'])(
    'is not there: %s',
    async (path) => {
      const answers = [
        await fetch(`${oauth.url}${path}`),
        await fetch(`${oauth.url}${path}`, { method: 'POST' }),
      ];

      expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    },
  );

  it('is management of registrations', async () => {
    const { body } = await post(`${oauth.url}/oauth/register`, {
      redirect_uris: ['http://localhost/callback'],
    });

    expect(body).not.toHaveProperty('registration_access_token');
    expect((await fetch(`${oauth.url}/oauth/register/${body.client_id}`)).status).toBe(404);
  });
});
