import { type Database, openDatabase } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineReply } from '../engine/inject.ts';
import { claimsOf, post, refreshForm, register, tokensOf } from '../testing/client.ts';
import { openOAuth } from '../testing/open-oauth.ts';
import { createSingleFlight, type SingleFlight } from './single-flight.ts';

const clock = { now: 1_000_000 };
let database: Database;
let replicas: SingleFlight[];

beforeEach(async () => {
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  replicas = [0, 1].map(() => createSingleFlight({ database, graceSeconds: 60, now: () => clock.now }));
});
afterEach(() => database.close());

const request = { form: refreshForm('client', 'the token'), authorization: undefined };
const [first, second] = [
  (): SingleFlight => replicas[0] as SingleFlight,
  (): SingleFlight => replicas[1] as SingleFlight,
];

function granted(refreshToken: string): EngineReply {
  const claims = Buffer.from(JSON.stringify({ gid: 'grant_1' })).toString('base64url');
  const body = JSON.stringify({ access_token: `x.${claims}.x`, refresh_token: refreshToken });
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

describe('single flight', () => {
  it('asks once for requests that come at once, on any replica', async () => {
    const asked: boolean[] = [];
    const gate = Promise.withResolvers<void>();
    const ask = async (isTakeover: boolean): Promise<EngineReply> => {
      asked.push(isTakeover);
      await gate.promise;
      return granted('next');
    };

    const all = [first()(request, ask), second()(request, ask), first()(request, ask)];
    await expect.poll(() => asked.length).toBe(1);
    gate.resolve();
    const replies = await Promise.all(all);

    expect(asked).toEqual([false]);
    expect(new Set(replies.map(({ body }) => body)).size).toBe(1);
  });

  it.each([
    ['scope', 'runs:read'],
    ['resource', 'https://inferry.example/mcp'],
    ['anything', 'else'],
  ])('repeats its answer whatever else is asked: %s', async (name, value) => {
    const other = { ...request, form: new URLSearchParams([...request.form, [name, value]]) };

    await first()(request, async () => granted('one'));
    const reply = await second()(other, async () => granted('two'));

    expect(reply.body).toContain('one');
  });

  it('asks again for another client, and for another proof', async () => {
    const others = [
      { ...request, form: refreshForm('other', 'the token') },
      { ...request, form: new URLSearchParams([...request.form, ['client_secret', 's']]) },
      { ...request, authorization: 'Basic Y2xpZW50OnM=' },
    ];
    await first()(request, async () => granted('one'));

    const replies = await Promise.all(others.map((other) => second()(other, async () => granted('two'))));

    expect(replies.every(({ body }) => body.includes('two'))).toBe(true);
  });

  it('keeps no failure: the next request is asked again', async () => {
    const refused: EngineReply = { status: 400, headers: {}, body: '{"error":"invalid_grant"}' };

    const replies = [
      await first()(request, async () => refused),
      await second()(request, async () => granted('next')),
    ];

    expect(replies.map(({ status }) => status)).toEqual([400, 200]);
  });

  it('asks again when the one that asked has failed', async () => {
    const failure = first()(request, async () => {
      throw new Error('The database is away.');
    });

    await expect(failure).rejects.toThrow();
    const reply = await second()(request, async () => granted('next'));

    expect(reply.status).toBe(200);
  });

  it('takes over from a replica that died', async () => {
    void first()(request, () => new Promise(() => undefined));
    await expect
      .poll(async () => (await database.queries.selectFrom('oauth_refreshes').selectAll().execute()).length)
      .toBe(1);

    clock.now += 10_001;
    const turns: boolean[] = [];
    const reply = await second()(request, async (isTakeover) => {
      turns.push(isTakeover);
      return granted('next');
    });

    expect(reply.status).toBe(200);
    expect(turns).toEqual([true]);
  });

  it('forgets the answer after the grace', async () => {
    await first()(request, async () => granted('one'));

    clock.now += 60_001;
    const reply = await second()(request, async () => granted('two'));

    expect(reply.body).toContain('two');
  });
});

describe('a replica that dies after it used the token and before it answered', () => {
  it('does not cost the client its grant', async () => {
    const oauth = await openOAuth();
    const clientId = await register(oauth.url);
    const tokens = await tokensOf(oauth.url, { clientId });
    await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token));
    // What such a replica leaves behind: the token is used, the turn is taken, and there is no answer.
    await oauth.database.queries
      .updateTable('oauth_refreshes')
      .set({ response: null, locked_until: 0 })
      .execute();

    const { status, body } = await post(
      `${oauth.url}/oauth/token`,
      refreshForm(clientId, tokens.refresh_token),
    );
    const next = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, body.refresh_token));

    expect([status, next.status]).toEqual([200, 200]);
    expect(claimsOf(next.body).gid).toBe(claimsOf(tokens).gid);
    expect(oauth.revoked).toEqual([]);
    await oauth.close();
  });
});
