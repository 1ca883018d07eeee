import { generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimsOf, form, post, refreshForm, register, type Tokens, tokensOf } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;
let clientId: string;
let tokens: Tokens;

beforeEach(async () => {
  oauth = await openOAuth();
  clientId = await register(oauth.url);
  tokens = await tokensOf(oauth.url, { clientId });
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

function revoke(token: string, client = clientId) {
  return post(`${oauth.url}/oauth/revoke`, form({ token, client_id: client }));
}

async function canRefresh(): Promise<boolean> {
  return (await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token))).status === 200;
}

describe('revocation (RFC 7009) [MR-52]', () => {
  it.each(['access_token', 'refresh_token'] as const)('of the %s ends the grant everywhere', async (kind) => {
    const { status, headers } = await revoke(tokens[kind]);

    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    await expect.poll(() => oauth.revoked).toEqual([claimsOf(tokens).gid]);
    await expect(canRefresh()).resolves.toBe(false);
    const rows = await oauth.database.queries.selectFrom('revocations').select('grant_id').execute();
    expect(rows).toEqual([{ grant_id: claimsOf(tokens).gid }]);
  });

  it('is told once, however often it is asked for', async () => {
    await Promise.all(Array.from({ length: 6 }, () => revoke(tokens.access_token)));

    await expect.poll(() => oauth.revoked).toEqual([claimsOf(tokens).gid]);
  });

  it.each(['access_token', 'refresh_token'] as const)(
    'of the %s of another client does nothing',
    async (kind) => {
      const { status } = await revoke(tokens[kind], await register(oauth.url));

      expect(status).toBe(200);
      await expect(canRefresh()).resolves.toBe(true);
    },
  );

  it('of a token that nobody has is answered alike', async () => {
    const forged = await new SignJWT({ gid: claimsOf(tokens).gid, client_id: clientId })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
      .setIssuer(oauth.url)
      .setAudience(`${oauth.url}/mcp`)
      .setExpirationTime('1m')
      .sign((await generateKeyPair('ES256')).privateKey);

    const answers = [await revoke('nobody has this'), await revoke(forged), await revoke('a.b.c')];

    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, ''],
      [200, ''],
      [200, ''],
    ]);
    await expect(canRefresh()).resolves.toBe(true);
  });

  it('is for clients that are known', async () => {
    const { status, body } = await revoke(tokens.access_token, 'client_of_another_time');

    expect([status, body.error]).toEqual([401, 'invalid_client']);
    await expect(canRefresh()).resolves.toBe(true);
  });
});
