import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  claimsOf,
  codeForm,
  post,
  redirectUri,
  refreshForm,
  register,
  signIn,
  tokensOf,
} from './testing/client.ts';
import { type OAuthUnderTest, openOAuth } from './testing/open-oauth.ts';

let oauth: OAuthUnderTest;

beforeEach(async () => {
  oauth = await openOAuth();
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

describe('a sign-in', () => {
  it('ends with a code, the state and the issuer at the client (RFC 9207) [MR-49]', async () => {
    const clientId = await register(oauth.url);

    const { callback, page } = await signIn(oauth.url, { clientId });

    expect(callback.href.startsWith(`${redirectUri}?`)).toBe(true);
    expect(callback.searchParams.get('code')).toMatch(/^[\w-]{43}$/);
    expect(callback.searchParams.get('state')).toBe('the state');
    expect(callback.searchParams.get('iss')).toBe(oauth.url);
    expect(page.status).toBe(200);
  });

  it('gives an access token that the published keys verify, with these claims and no other', async () => {
    const clientId = await register(oauth.url);

    const tokens = await tokensOf(oauth.url, { clientId });

    const keys = createRemoteJWKSet(new URL(`${oauth.url}/oauth/jwks`));
    const { payload } = await jwtVerify(tokens.access_token, keys, {
      issuer: oauth.url,
      audience: `${oauth.url}/mcp`,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    expect(Object.keys(payload).sort()).toEqual(
      ['aud', 'client_id', 'exp', 'gid', 'iat', 'iss', 'jti', 'scope', 'sub'].sort(),
    );
    expect(payload).toMatchObject({ sub: 'ada', client_id: clientId, scope: 'mcp' });
    expect(payload.gid).toMatch(/^grant_/);
    expect(Number(payload.exp) - Number(payload.iat)).toBe(900);
    expect(decodeProtectedHeader(tokens.access_token).typ).toBe('at+jwt');
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'mcp' });
  });

  it('is refreshed with a new refresh token each time [MR-50]', async () => {
    const clientId = await register(oauth.url);
    const first = await tokensOf(oauth.url, { clientId });

    const second = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, first.refresh_token));
    const third = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, second.body.refresh_token));

    expect([second.status, third.status]).toEqual([200, 200]);
    const all = [first.refresh_token, second.body.refresh_token, third.body.refresh_token];
    expect(new Set(all).size).toBe(3);
    expect(claimsOf(third.body)).toMatchObject({ sub: 'ada', gid: claimsOf(first).gid, scope: 'mcp' });
  });

  it('gives nothing for a code that was used', async () => {
    const clientId = await register(oauth.url);
    const { callback, verifier } = await signIn(oauth.url, { clientId });
    const request = codeForm(clientId, callback.searchParams.get('code') ?? '', verifier);

    const answers = [await post(`${oauth.url}/token`, request), await post(`${oauth.url}/token`, request)];

    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
    expect(answers[1]?.body.error).toBe('invalid_grant');
  });
});
