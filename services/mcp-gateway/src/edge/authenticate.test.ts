import { hash } from 'node:crypto';
import { createInProcessTransport } from '@inferry/bus';
import { grantRevoked, type Principal, readRevocations, searchModels, verifyKey } from '@inferry/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  callOf,
  modern,
  post,
  rpc,
  serveTool,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../test-gateway.ts';

const key = 'ifr_0123456789abcdefghij';
const bearer = { authorization: `Bearer ${key}` };
const ada: Principal = { subject: 'ada', grant_id: 'key_1', kind: 'api_key', scopes: ['mcp'] };

let gateway: TestGateway;
let verified: string[] = [];
afterEach(async () => {
  verified = [];
  await gateway.close();
});

interface AuthOptions extends TestGatewayOptions {
  principal?: Principal;
  cacheSeconds?: number;
  revoked?: string[];
}

async function start({ principal = ada, cacheSeconds = 60, revoked = [], ...options }: AuthOptions = {}) {
  gateway = await startTestGateway({
    ...options,
    env: { INFERRY_AUTH: 'keys', ...options.env },
    serve(services) {
      services.serve(verifyKey, async ({ key_sha256: sha256 }) => {
        verified.push(sha256);
        const isKnown = sha256 === hash('sha256', key);
        return { principal: isKnown ? principal : null, cache_seconds: cacheSeconds };
      });
      services.serve(readRevocations, async ({ after }) => ({
        items: revoked
          .map((grantId, index) => ({ seq: index + 1, grant_id: grantId }))
          .filter(({ seq }) => seq > after),
        latest: revoked.length,
      }));
      serveTool(services, searchModels, async () => ({ items: [] }));
    },
  });
  await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true), {
    timeout: 5_000,
  });
}

describe('a credential', () => {
  test('opens the endpoint and is verified by its SHA-256 once', async () => {
    await start();
    await post(gateway.url, rpc('ping'), bearer);

    const answer = await post(gateway.url, rpc('ping'), bearer);

    expect(answer.status).toBe(200);
    expect(verified).toEqual([hash('sha256', key)]);
  });

  test('is told how much it may still ask for, whatever the answer', async () => {
    await start();

    const accepted = await post(gateway.url, rpc('ping'), bearer);
    const refused = await post(gateway.url, '{', bearer);
    const stranger = await post(gateway.url, rpc('ping'));

    expect(accepted.headers.get('ratelimit-policy')).toBe('"credential";q=600;w=60');
    expect(accepted.headers.get('ratelimit')).toBe('"credential";r=599;t=60');
    expect(refused.headers.get('ratelimit')).toBe('"credential";r=598;t=60');
    expect(stranger.headers.get('ratelimit')).toBe('"pre_auth";r=29;t=60');
  });

  test('that is missing is answered 401 missing_authorization [RF-53]', async () => {
    await start();

    const answer = await post(gateway.url, rpc('ping'));

    expect(answer.status).toBe(401);
    expect(answer.json.error.data.code).toBe('missing_authorization');
  });

  test.each(['Basic abc', 'Bearer rf_live_0123456789abcdef', 'Bearer $INFERRY_KEY', 'Bearer ifr_short'])(
    'that reads %s is answered 401 malformed_authorization without asking anybody [RF-54]',
    async (authorization) => {
      await start();

      const answer = await post(gateway.url, rpc('ping'), { authorization });

      expect(answer.status).toBe(401);
      expect(answer.json.error.data.code).toBe('malformed_authorization');
      expect(verified).toEqual([]);
    },
  );

  test('that nobody knows is answered 401 invalid_token, and asked about once [MR-55]', async () => {
    await start();
    const unknown = { authorization: 'Bearer ifr_unknownunknownunknown' };
    await post(gateway.url, rpc('ping'), unknown);

    const answer = await post(gateway.url, rpc('ping'), unknown);

    expect(answer.status).toBe(401);
    expect(answer.json.error.data.code).toBe('invalid_token');
    expect(verified).toHaveLength(1);
  });

  test('that is refused comes back with a challenge that names no metadata without an authorization server', async () => {
    await start();

    const answer = await post(gateway.url, rpc('ping'), {
      authorization: 'Bearer ifr_unknownunknownunknown',
    });

    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="inferry", error="invalid_token"');
  });

  test('is asked about again when its verdict is too old', async () => {
    await start({ cacheSeconds: 0 });
    await post(gateway.url, rpc('ping'), bearer);

    await post(gateway.url, rpc('ping'), bearer);

    expect(verified).toHaveLength(2);
  });

  test('is answered 503 while the auth service is away', async () => {
    await start();
    await gateway.services.close();

    const answer = await post(gateway.url, rpc('ping'), bearer);

    expect(answer.status).toBe(503);
    expect(answer.json.error.data).toMatchObject({ code: 'unavailable', retryable: true });
    expect(answer.headers.get('retry-after')).toBe('2');
  });

  test('is not limited by the failures of its address [X16]', async () => {
    await start({ env: { RATE_LIMIT_IP_PRE_AUTH: '2' } });
    for (let i = 0; i < 4; i += 1) await post(gateway.url, rpc('ping'));

    const answer = await post(gateway.url, rpc('ping'), bearer);

    expect(answer.status).toBe(200);
  });

  test('is answered 429 with Retry-After above its limit [RF-55][RF-59]', async () => {
    await start({ env: { RATE_LIMIT_CREDENTIAL: '2' } });
    for (let i = 0; i < 2; i += 1) await post(gateway.url, rpc('ping'), bearer);

    const answer = await post(gateway.url, rpc('ping'), bearer);

    expect(answer.status).toBe(429);
    expect(answer.json.error.data).toMatchObject({
      code: 'rate_limited',
      retry_after_seconds: expect.any(Number),
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('pays for each request of a batch', async () => {
    await start({ env: { RATE_LIMIT_CREDENTIAL: '3' } });
    const batch = [rpc('ping', {}, 1), rpc('ping', {}, 2), rpc('ping', {}, 3), rpc('ping', {}, 4)];

    const answer = await post(gateway.url, batch, bearer);

    expect(answer.status).toBe(429);
  });
});

describe('the failures of an address', () => {
  test('without a credential are answered 429 above the limit [RF-57]', async () => {
    await start({ env: { RATE_LIMIT_IP_PRE_AUTH: '2' } });
    for (let i = 0; i < 2; i += 1) await post(gateway.url, rpc('ping'));

    const answer = await post(gateway.url, rpc('ping'));

    expect(answer.status).toBe(429);
  });

  test('with a good credential have a limit of their own [RF-58]', async () => {
    await start({ env: { RATE_LIMIT_IP_POST_AUTH: '2' } });
    for (let i = 0; i < 2; i += 1) await post(gateway.url, '{', bearer);

    const answer = await post(gateway.url, '{', bearer);

    expect(answer.status).toBe(429);
  });
});

describe('a revoked grant', () => {
  test('is refused from the event on, whatever the cache says', async () => {
    await start();
    await post(gateway.url, rpc('ping'), bearer);

    gateway.services.publish(grantRevoked, { seq: 1, grant_id: 'key_1' });

    await vi.waitFor(async () => expect((await post(gateway.url, rpc('ping'), bearer)).status).toBe(401));
  });

  test('is refused when it was revoked before the replica started', async () => {
    await start({ revoked: ['key_0', 'key_1'] });

    const answer = await post(gateway.url, rpc('ping'), bearer);

    expect(answer.status).toBe(401);
  });
});

test('a replica that has not read the revocations is not ready and lets nobody in', async () => {
  gateway = await startTestGateway({ env: { INFERRY_AUTH: 'keys' }, transport: createInProcessTransport() });

  const answer = await post(gateway.url, rpc('ping'), bearer);

  expect(answer.status).toBe(503);
  expect(await gateway.service.readiness()).toEqual({
    isReady: false,
    problems: { revocations: 'not loaded' },
  });
});

describe('the scopes of a credential', () => {
  test('narrow the list', async () => {
    await start({ principal: { ...ada, scopes: ['models:read'] } });

    const answer = await post(gateway.url, rpc('tools/list'), bearer);

    expect(answer.json.result.tools.map((tool: { name: string }) => tool.name)).toEqual([
      'search_models',
      'get_model',
      'estimate_cost',
    ]);
  });

  test('that do not open a tool are answered 403 with the scope that does', async () => {
    await start({ principal: { ...ada, scopes: ['models:read'] } });
    const { body, headers } = modern('tools/call', { name: 'run_model', arguments: {} });

    const answer = await post(gateway.url, body, { ...headers, ...bearer });

    expect(answer.status).toBe(403);
    expect(answer.json.error.data.code).toBe('insufficient_scope');
    expect(answer.headers.get('www-authenticate')).toContain(
      'error="insufficient_scope", scope="runs:write"',
    );
  });

  test('let a tool be called that they open', async () => {
    await start({ principal: { ...ada, scopes: ['models:read'] } });

    const answer = await post(gateway.url, callOf('search_models'), bearer);

    expect(answer.json.result.structuredContent).toEqual({ items: [] });
  });
});
