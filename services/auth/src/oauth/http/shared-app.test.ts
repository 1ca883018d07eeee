import { AppError } from '@inferry/contracts';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { createHttpApp, type HttpService, parseAddressRanges } from '@inferry/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { post, redirectUri, register } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;
afterEach(() => oauth.close());

describe('an app that the authorization server shares', () => {
  it('keeps its own parsers, errors and addresses', async () => {
    oauth = await openOAuth({ replicas: 1 });
    const [engine] = oauth.engines;
    const other: HttpService = {
      name: 'other',
      routes: async (app) => void app.post('/other', async (request) => ({ got: request.body })),
      readiness: async () => ({ isReady: true, problems: {} }),
      drain: async () => undefined,
      close: async () => undefined,
    };
    const auth = {
      ...other,
      name: 'auth',
      routes: (app: Parameters<HttpService['routes']>[0]) => engine?.routes(app),
    };
    // as: `routes` of the engine under test is there.
    const app = await createHttpApp([other, auth as HttpService]);

    const json = await app.inject({ method: 'POST', url: '/other', payload: { a: 1 } });
    const form = await app.inject({
      method: 'POST',
      url: '/other',
      payload: 'a=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const unknown = await app.inject({ url: '/.well-known/something-else' });

    expect(json.json()).toEqual({ got: { a: 1 } });
    expect(form.statusCode).toBe(415);
    expect([unknown.statusCode, unknown.headers['content-type']]).toEqual([
      404,
      expect.stringContaining('json'),
    ]);
    await app.close();
  });
});

describe('windows', () => {
  it('count the address that a trusted proxy names, and no other claim', async () => {
    oauth = await openOAuth({
      replicas: 1,
      settings: { registrations: { perAddress: 1, inAll: 100 }, proxies: parseAddressRanges(['127.0.0.1']) },
    });
    const from = async (address: string) =>
      (
        await post(
          `${oauth.url}/oauth/register`,
          { redirect_uris: [redirectUri] },
          { 'x-forwarded-for': address },
        )
      ).status;

    const statuses = [
      await from('203.0.113.1'),
      await from('203.0.113.2'),
      await from('198.51.100.7, 203.0.113.1'),
      await from('2001:db8::1'),
      await from('2001:db8::2'),
    ];

    expect(statuses).toEqual([201, 201, 429, 201, 429]);
  });

  it('that are away let nobody register, and everybody refresh', async () => {
    const real = createInProcessLimits();
    let isAway = false;
    const limits: Limits = {
      hit: (hit) => real.hit(hit),
      hitAll: (hits) =>
        isAway ? Promise.reject(new AppError('unavailable', 'The windows are away.')) : real.hitAll(hits),
      acquire: (key, ttlMs) => real.acquire(key, ttlMs),
      release: (key, token) => real.release(key, token),
      note: (key, text, ttlMs) => real.note(key, text, ttlMs),
      readNote: (key) => real.readNote(key),
      dropNote: (key) => real.dropNote(key),
      ping: () => real.ping(),
      close: () => real.close(),
    };
    oauth = await openOAuth({ replicas: 1, limits });
    const clientId = await register(oauth.url);
    isAway = true;

    const registered = await post(`${oauth.url}/oauth/register`, { redirect_uris: [redirectUri] });
    const refreshed = await post(
      `${oauth.url}/oauth/token`,
      new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: 'x' }),
    );

    expect([registered.status, registered.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(refreshed.status).toBe(400);
  });
});

describe('the database', () => {
  it('that is away is told to the caller as such, without a word of it', async () => {
    oauth = await openOAuth({ replicas: 1 });
    const clientId = await register(oauth.url);
    await oauth.database.queries.schema.dropTable('oauth_records').execute();

    const { status, body } = await post(
      `${oauth.url}/oauth/token`,
      new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: 'x' }),
    );

    expect([status, body.error]).toEqual([500, 'server_error']);
    expect(JSON.stringify(body)).not.toMatch(/oauth_records|sqlite/i);
    expect(oauth.faults).toHaveLength(1);
  });
});
