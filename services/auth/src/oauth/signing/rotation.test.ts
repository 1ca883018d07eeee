import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { post, refreshForm, register, tokensOf } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  oauth = await openOAuth({ settings: { keyRotationDays: 1 } });
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
  vi.useRealTimers();
});

async function verify(token: string): Promise<unknown> {
  const keys = await (await fetch(`${oauth.url}/oauth/jwks`)).json();
  // as: our own JWKS.
  return jwtVerify(token, createLocalJWKSet(keys as never), { currentDate: new Date(0) });
}

const kidOf = (token: string): string | undefined => decodeProtectedHeader(token).kid;

describe('tokens', () => {
  it('are signed with the next key once it is in front, on every replica, while the old ones still verify', async () => {
    const clientId = await register(oauth.url);
    const first = await tokensOf(oauth.url, { clientId });
    vi.setSystemTime(Date.now() + 86_400_000);
    await oauth.engines[0]?.tick();

    const announced = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, first.refresh_token));
    vi.setSystemTime(Date.now() + 601_000);
    const refreshed = [];
    let { refresh_token: token } = announced.body;
    for (const url of oauth.replicaUrls) {
      const { body } = await post(`${url}/oauth/token`, refreshForm(clientId, token));
      refreshed.push(kidOf(body.access_token));
      token = body.refresh_token;
    }

    expect(kidOf(announced.body.access_token)).toBe(kidOf(first.access_token));
    expect(new Set(refreshed).size).toBe(1);
    expect(refreshed[0]).not.toBe(kidOf(first.access_token));
    await expect(verify(announced.body.access_token)).resolves.toBeDefined();
  });

  it('of a key that was taken out verify no more, and new ones do', async () => {
    const clientId = await register(oauth.url);
    const leaked = await tokensOf(oauth.url, { clientId });

    await oauth.engines[0]?.ring.remove(kidOf(leaked.access_token) ?? '');
    await vi.waitFor(async () => expect(oauth.engines[1]?.ring.jwks()).toHaveLength(1));
    const { body } = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, leaked.refresh_token));

    await expect(verify(leaked.access_token)).rejects.toThrow();
    await expect(verify(body.access_token)).resolves.toBeDefined();
  });
});
