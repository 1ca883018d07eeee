import {
  type Answer,
  claimsOf,
  codeForm,
  type OAuthUnderTest,
  openOAuth,
  post,
  refreshForm,
  register,
  signIn,
  type Tokens,
  tokensOf,
} from '@inferry/auth/oauth-testing';
import type { Database } from '@inferry/database';
import { connectRedisLimits } from '@inferry/limits/redis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { newDatabase } from '../support/new-database.ts';

let oauth: OAuthUnderTest;
let database: Database;
let clientId: string;
let close: () => Promise<void>;

beforeEach(async () => {
  const own = await newDatabase(inject('databaseUrl'));
  database = own.database;
  const limits = await connectRedisLimits({
    url: inject('redisUrl'),
    keyPrefix: `oauth-${crypto.randomUUID()}`,
  });
  oauth = await openOAuth({ database, limits });
  clientId = await register(oauth.url);
  close = async () => {
    await oauth.close();
    await limits.close();
    await database.close();
    await own.remove();
  };
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await close();
});

const atOnce = (ask: (url: string) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: 10 }, (_, turn) => ask(oauth.replicaUrls[turn % 2] ?? '')));

describe('two replicas on Postgres and Redis', () => {
  it('redeem each of thirty codes once, when ten requests come at once', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { callback, verifier } = await signIn(oauth.url, { clientId });
      const request = codeForm(clientId, callback.searchParams.get('code') ?? '', verifier);

      const answers = await atOnce((url) => post(`${url}/oauth/token`, request));

      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ body }) => body.error === 'invalid_grant')).toHaveLength(9);
    }
  });

  it('give ten refreshes at once one token, ten times over', async () => {
    let tokens: Tokens = await tokensOf(oauth.url, { clientId });
    for (let round = 0; round < 10; round += 1) {
      const answers = await atOnce((url) =>
        post(`${url}/oauth/token`, refreshForm(clientId, tokens.refresh_token)),
      );

      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
      expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
      tokens = answers[0]?.body;
    }
  });

  it('end a grant on both, once', async () => {
    const tokens = await tokensOf(oauth.url, { clientId });
    const form = new URLSearchParams({ token: tokens.access_token, client_id: clientId });

    const revocations = await atOnce((url) => post(`${url}/oauth/revoke`, form));
    const refreshes = await atOnce((url) =>
      post(`${url}/oauth/token`, refreshForm(clientId, tokens.refresh_token)),
    );

    expect(new Set(revocations.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(refreshes.map(({ body }) => body.error))).toEqual(new Set(['invalid_grant']));
    await expect.poll(() => oauth.revoked).toEqual([claimsOf(tokens).gid]);
  });

  it('end a grant whose refresh token comes back after the grace, whichever sees it', async () => {
    const tokens = await tokensOf(oauth.url, { clientId });
    const [first = '', second = ''] = oauth.replicaUrls;
    const next = await post(`${first}/oauth/token`, refreshForm(clientId, tokens.refresh_token));
    await database.queries.updateTable('oauth_refreshes').set({ expires_at: 1 }).execute();
    await database.queries
      .updateTable('oauth_records')
      .set({ consumed_at: 1_000 })
      .where('consumed_at', '>', 0)
      .execute();

    const stolen = await post(`${second}/oauth/token`, refreshForm(clientId, tokens.refresh_token));
    const after = await post(`${first}/oauth/token`, refreshForm(clientId, next.body.refresh_token));

    expect([stolen.body.error, after.body.error]).toEqual(['invalid_grant', 'invalid_grant']);
    await expect.poll(() => oauth.revoked).toEqual([claimsOf(tokens).gid]);
  });

  it('publish the same keys, made once', async () => {
    const sets = await Promise.all(
      oauth.replicaUrls.map(async (url) => JSON.stringify(await (await fetch(`${url}/oauth/jwks`)).json())),
    );

    expect(new Set(sets).size).toBe(1);
  });

  it('count registrations together', async () => {
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, turn) =>
        post(`${oauth.replicaUrls[turn % 2]}/oauth/register`, { redirect_uris: ['http://localhost/cb'] }),
      ),
    );

    // One was made before.
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(99);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(21);
  });
});
