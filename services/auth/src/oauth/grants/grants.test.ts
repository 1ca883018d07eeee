import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimsOf, post, refreshForm, register, tokensOf } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';
import type { Grants } from './grants.ts';

let oauth: OAuthUnderTest;
let grants: Grants;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  oauth = await openOAuth();
  grants = (oauth.engines[0] as (typeof oauth.engines)[number]).grants;
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
  vi.useRealTimers();
});

describe('grants', () => {
  it('tell their owner who may do what, and since when', async () => {
    const clientId = await register(oauth.url, { client_name: 'Claude' });
    const tokens = await tokensOf(oauth.url, { clientId, scopes: ['runs:read'] });
    await tokensOf(oauth.url, { clientId, subject: 'bob' });
    await Promise.all(oauth.engines.map((engine) => engine.drain()));

    const list = await grants.list({ subject: 'ada' });

    expect(list).toEqual([
      {
        grantId: claimsOf(tokens).gid,
        subject: 'ada',
        display: 'ada',
        clientId,
        clientName: 'Claude',
        kind: 'authorization_code',
        scopes: ['runs:read'],
        createdAt: expect.any(Number),
        lastUsedAt: expect.any(Number),
        expiresAt: expect.any(Number),
      },
    ]);
  });

  it('are revoked by their owner and nobody else', async () => {
    const tokens = await tokensOf(oauth.url, { clientId: await register(oauth.url) });
    const grantId = String(claimsOf(tokens).gid);

    const outcomes = [
      await grants.revokeOwn({ grantId, subject: 'bob' }),
      await grants.revokeOwn({ grantId, subject: 'ada' }),
      await grants.revokeOwn({ grantId, subject: 'ada' }),
    ];

    expect(outcomes).toEqual([false, true, false]);
    await expect.poll(() => oauth.revoked).toEqual([grantId]);
  });

  it('of a client end together, and those of others go on', async () => {
    const [clientId, other] = [await register(oauth.url), await register(oauth.url)];
    await tokensOf(oauth.url, { clientId });
    await tokensOf(oauth.url, { clientId, subject: 'bob' });
    const kept = await tokensOf(oauth.url, { clientId: other });

    const count = await grants.revokeAllOfClient(clientId);

    expect(count).toBe(2);
    expect((await post(`${oauth.url}/oauth/token`, refreshForm(other, kept.refresh_token))).status).toBe(200);
  });

  it('of a subject end together, codes that were not redeemed included', async () => {
    const clientId = await register(oauth.url);
    const tokens = await tokensOf(oauth.url, { clientId });
    await tokensOf(oauth.url, { clientId, subject: 'bob' });

    const count = await grants.revokeAllOfSubject('ada');

    expect(count).toBe(1);
    expect((await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token))).status).toBe(
      400,
    );
    await expect(grants.list({ subject: 'bob' })).resolves.toHaveLength(1);
    const left = await oauth.database.queries
      .selectFrom('oauth_records')
      .select('record_id')
      .where('grant_id', '=', String(claimsOf(tokens).gid))
      .execute();
    expect(left).toEqual([]);
  });

  it('end after a year, however often they were used', async () => {
    const clientId = await register(oauth.url);
    let { refresh_token: token } = await tokensOf(oauth.url, { clientId });
    const statuses: number[] = [];
    for (let month = 1; month <= 13; month += 1) {
      vi.setSystemTime(Date.now() + 29 * 86_400_000);
      const { status, body } = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, token));
      await Promise.all(oauth.engines.map((engine) => engine.drain()));
      statuses.push(status);
      if (status === 200) token = body.refresh_token;
    }

    expect(statuses).toEqual([...Array.from({ length: 12 }, () => 200), 400]);
  });

  it('end when their refresh token was not used for a month', async () => {
    const clientId = await register(oauth.url);
    const tokens = await tokensOf(oauth.url, { clientId });

    vi.setSystemTime(Date.now() + 31 * 86_400_000);
    const { status } = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token));

    expect(status).toBe(400);
  });

  it('and everything else that has ended leaves the tables', async () => {
    const clientId = await register(oauth.url);
    await tokensOf(oauth.url, { clientId });

    vi.setSystemTime(Date.now() + 400 * 86_400_000);
    await oauth.engines[1]?.tick();

    for (const table of ['oauth_records', 'oauth_clients', 'oauth_grants', 'oauth_refreshes'] as const)
      await expect(oauth.database.queries.selectFrom(table).selectAll().execute()).resolves.toEqual([]);
  });
});
