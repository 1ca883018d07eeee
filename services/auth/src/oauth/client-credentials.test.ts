import { Secret } from '@inferry/contracts';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimsOf, form, post } from './testing/client.ts';
import { type OAuthUnderTest, openOAuth } from './testing/open-oauth.ts';

const secret = 'a secret of thirty-two characters';
const basic = {
  authorization: `Basic ${Buffer.from(`reports:${encodeURIComponent(secret)}`).toString('base64')}`,
};
const common = { redirectUris: [], grantTypes: ['client_credentials'], jwks: undefined };
let oauth: OAuthUnderTest;
let signingKey: CryptoKey;

beforeEach(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  signingKey = privateKey;
  oauth = await openOAuth({
    clients: [
      {
        ...common,
        clientId: 'reports',
        name: 'Reports',
        secret: new Secret(secret),
        subject: 'team',
        scopes: ['runs:read'],
      },
      {
        ...{
          ...common,
          clientId: 'signer',
          name: 'Signer',
          secret: undefined,
          subject: 'signers',
          scopes: ['mcp'],
        },
        jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' }] },
      },
    ],
  });
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

async function assertion(jti: string): Promise<URLSearchParams> {
  const jwt = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('signer')
    .setSubject('signer')
    .setAudience(oauth.url)
    .setJti(jti)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(signingKey);
  return form({
    grant_type: 'client_credentials',
    client_assertion: jwt,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });
}

describe('a client with a credential of its own', () => {
  it('gets a token for its subject, with its scopes and a grant', async () => {
    const { status, body } = await post(
      `${oauth.url}/oauth/token`,
      form({ grant_type: 'client_credentials' }),
      basic,
    );

    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'runs:read' });
    expect(body).not.toHaveProperty('refresh_token');
    expect(claimsOf(body)).toMatchObject({ sub: 'team', client_id: 'reports', aud: `${oauth.url}/mcp` });
    expect(Object.keys(claimsOf(body)).sort().join()).toBe('aud,client_id,exp,gid,iat,iss,jti,scope,sub');
    await expect(oauth.engines[0]?.grants.list({ subject: 'team' })).resolves.toHaveLength(1);
  });

  it('is asked for its secret', async () => {
    const wrong = { authorization: `Basic ${Buffer.from('reports:another').toString('base64')}` };

    const { status, body } = await post(
      `${oauth.url}/oauth/token`,
      form({ grant_type: 'client_credentials' }),
      wrong,
    );

    expect([status, body.error]).toEqual([401, 'invalid_client']);
  });

  it('gets no more than its scopes', async () => {
    const request = form({ grant_type: 'client_credentials', scope: 'mcp' });

    const { status, body } = await post(`${oauth.url}/oauth/token`, request, basic);

    expect([status, body.error]).toEqual([400, 'invalid_scope']);
  });

  it('gets the tokens of a new grant once its grant was revoked', async () => {
    const first = await post(`${oauth.url}/oauth/token`, form({ grant_type: 'client_credentials' }), basic);
    const grantId = String(claimsOf(first.body).gid);

    await oauth.engines[1]?.killGrant(grantId);
    const second = await post(`${oauth.url}/oauth/token`, form({ grant_type: 'client_credentials' }), basic);

    await expect.poll(() => oauth.revoked).toEqual([grantId]);
    expect(claimsOf(second.body).gid).not.toBe(grantId);
  });

  it('may prove itself by an assertion, and by each of them once', async () => {
    const once = await assertion('one');

    const answers = [
      await post(`${oauth.url}/oauth/token`, once),
      await post(`${oauth.url}/oauth/token`, once),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 401]);
    expect(claimsOf(answers[0]?.body)).toMatchObject({ sub: 'signers', client_id: 'signer', scope: 'mcp' });
  });

  it('wins with one of two equal assertions that reach two replicas at once', async () => {
    const once = await assertion('two');

    const answers = await Promise.all(oauth.replicaUrls.map((url) => post(`${url}/oauth/token`, once)));

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });
});
