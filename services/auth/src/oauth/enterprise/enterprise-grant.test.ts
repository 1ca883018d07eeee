import { createServer, type Server } from 'node:http';
import { Secret } from '@inferry/contracts';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimsOf, form, post } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';
import { jwtBearer } from './enterprise-grant.ts';

const secret = 'a secret of thirty-two characters';
const issuer = 'https://idp.example';
const basic = {
  authorization: `Basic ${Buffer.from(`desktop:${encodeURIComponent(secret)}`).toString('base64')}`,
};
let oauth: OAuthUnderTest;
let idp: Server;
let idpUrl: string;
let signingKey: CryptoKey;

beforeEach(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  signingKey = privateKey;
  const keys = JSON.stringify({
    keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'idp' }],
  });
  idp = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(keys),
  );
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve));
  const address = idp.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  idpUrl = `http://127.0.0.1:${port}`;
  await open(`${idpUrl}/keys`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  expect(oauth.faults).toEqual([]);
  await oauth.close();
  await new Promise((resolve) => idp.close(resolve));
});

async function open(jwksUri: string): Promise<void> {
  oauth = await openOAuth({
    clients: [
      {
        ...{
          clientId: 'desktop',
          name: 'Desktop',
          secret: new Secret(secret),
          jwks: undefined,
          subject: 'none',
        },
        ...{ grantTypes: [jwtBearer], redirectUris: [], scopes: ['mcp', 'runs:read', 'runs:write'] },
      },
    ],
    enterprise: {
      issuers: [{ issuer, jwksUri, scopes: ['runs:read', 'runs:write'], clientIds: undefined }],
      admit: async ({ subject }) => (subject === 'closed' ? undefined : `person-${subject}`),
    },
  });
}

async function exchange(claims: JWTPayload = {}, header: { typ?: string; alg?: string } = {}) {
  const jwt = new SignJWT({
    ...{ iss: issuer, aud: oauth.url, sub: 'ada', client_id: 'desktop', resource: `${oauth.url}/mcp` },
    ...{ scope: 'runs:read', jti: crypto.randomUUID() },
    ...claims,
  }).setProtectedHeader({ alg: 'ES256', kid: 'idp', typ: 'oauth-id-jag+jwt', ...header });
  if (!('iat' in claims)) jwt.setIssuedAt();
  if (!('exp' in claims)) jwt.setExpirationTime('2m');
  return redeem(await jwt.sign(signingKey));
}

function redeem(assertion: string) {
  return post(`${oauth.url}/oauth/token`, form({ grant_type: jwtBearer, assertion }), basic);
}

describe('an assertion of an enterprise', () => {
  it('becomes an access token for its person, without a page and without a refresh token', async () => {
    const { status, body } = await exchange();

    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'runs:read' });
    expect(body).not.toHaveProperty('refresh_token');
    expect(claimsOf(body)).toMatchObject({ sub: 'person-ada', client_id: 'desktop', scope: 'runs:read' });
  });

  it('is announced in the metadata', async () => {
    const response = await fetch(`${oauth.url}/.well-known/oauth-authorization-server`);

    await expect(response.json()).resolves.toMatchObject({
      grant_types_supported: expect.arrayContaining([jwtBearer]),
      authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
    });
  });

  it('uses one grant for one person and client', async () => {
    const [first, second] = [await exchange(), await exchange()];

    expect(claimsOf(first.body).gid).toBe(claimsOf(second.body).gid);
  });

  it('opens no more than the enterprise may give', async () => {
    const { body } = await exchange({ scope: 'runs:write account:read' });

    expect(body.scope).toBe('runs:write');
  });

  it.each<[string, JWTPayload, { typ?: string }]>([
    ['another audience', { aud: 'https://elsewhere.example' }, {}],
    ['another issuer', { iss: 'https://evil.example' }, {}],
    ['another client', { client_id: 'somebody' }, {}],
    ['another resource', { resource: 'https://elsewhere.example/mcp' }, {}],
    ['an end in the past', { exp: 1 }, {}],
    ['a great age', { iat: Math.floor(Date.now() / 1_000) - 3_600 }, {}],
    ['no client', { client_id: undefined }, {}],
    ['a person who may not come in', { sub: 'closed' }, {}],
    ['a scope that the enterprise may not give', { scope: 'account:read' }, {}],
    ['the type of an ID token', {}, { typ: 'JWT' }],
  ])('is refused with %s', async (_what, claims, header) => {
    const { status, body } = await exchange(claims, header);

    expect([status, body.error]).toEqual([400, 'invalid_grant']);
  });

  it('is refused with a signature of somebody else', async () => {
    ({ privateKey: signingKey } = await generateKeyPair('ES256'));

    const { status, body } = await exchange();

    expect([status, body.error]).toEqual([400, 'invalid_grant']);
  });

  it('is verified with keys that are read through the proxy of the environment', async () => {
    await oauth.close();
    // Any server that answers whatever URL it is asked for is a proxy.
    vi.stubEnv('HTTP_PROXY', idpUrl);
    await open('http://keys.idp.example/keys');

    expect((await exchange()).status).toBe(200);
  });

  it('is good once', async () => {
    const jti = crypto.randomUUID();

    const answers = [await exchange({ jti }), await exchange({ jti })];

    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  });
});
