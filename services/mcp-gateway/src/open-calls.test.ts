import { hash } from 'node:crypto';
import { getRun, readRevocations, verifyKey } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  acceptStream,
  callOf,
  post,
  rpc,
  startTestGateway,
  succeeded,
  type TestGateway,
} from './test-gateway.ts';

let gateway: TestGateway;
let ends: (() => void)[];
let held: Promise<unknown>[];

beforeEach(async () => {
  ends = [];
  held = [];
  gateway = await startTestGateway({
    env: { INFERRY_AUTH: 'keys', MAX_OPEN_CALLS_CREDENTIAL: '2' },
    serve(services) {
      services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      services.serve(verifyKey, async ({ key_sha256: sha256 }) => {
        const isAda = sha256 === hash('sha256', `ifr_${'a'.repeat(20)}`);
        const principal = { subject: 'ada', grant_id: isAda ? 'key_a' : 'key_b', scopes: ['mcp'] };
        return { principal: { ...principal, kind: 'api_key' as const }, cache_seconds: 60 };
      });
      services.serve(getRun, async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        ends.push(resolve);
        await promise;
        return succeeded;
      });
    },
  });
  await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
});
afterEach(async () => {
  for (const end of ends) end();
  await Promise.all(held);
  await gateway.close();
});

const as = (key: string, more: Record<string, string> = {}) => ({
  authorization: `Bearer ifr_${key.repeat(20)}`,
  ...more,
});
const wait = callOf('get_run', { run_id: 'run_1', wait_seconds: 30 }, { progressToken: 1 });

async function hold(count: number): Promise<void> {
  held = Array.from({ length: count }, () => post(gateway.url, wait, as('a', acceptStream)));
  await vi.waitFor(() => expect(ends).toHaveLength(count));
}

describe('the open calls of one credential', () => {
  test('are bounded: one more is refused with a code, a hint and a time', async () => {
    await hold(2);

    const answer = await post(gateway.url, wait, as('a', acceptStream));

    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(answer.json.error.data).toMatchObject({
      code: 'busy',
      retryable: true,
      retry_after_seconds: 5,
      next_action: expect.stringContaining('list_runs'),
    });
  });

  test('leave room for every other credential', async () => {
    await hold(2);

    const answer = await post(gateway.url, rpc('ping'), as('b'));

    expect(answer.json.result).toEqual({});
  });

  test('make room when one is answered', async () => {
    await hold(2);
    ends[0]?.();
    await Promise.race(held);

    const answer = await post(gateway.url, rpc('ping'), as('a'));

    expect(answer.json.result).toEqual({});
  });

  test('count each request of a batch', async () => {
    await hold(1);
    const batch = [rpc('ping', {}, 1), rpc('ping', {}, 2)];

    const refused = await post(gateway.url, batch, as('a'));
    const accepted = await post(gateway.url, batch.slice(1), as('a'));

    expect([refused.status, accepted.status]).toEqual([429, 200]);
  });
});
