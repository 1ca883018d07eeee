import { AppError, type Principal } from '@inferry/contracts';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { isRefusal } from '@inferry/mcp';
import { parseAddressRanges } from '@inferry/runtime';
import { describe, expect, test } from 'vitest';
import { createWindows } from './windows.ts';

const limits = { credential: 3, ipPreAuth: 2, ipPostAuth: 2, trustedEgress: 5 };
const ada: Principal = { subject: 'ada', grant_id: 'key_1', kind: 'api_key', scopes: ['mcp'] };

function windowsOn(
  store: Limits,
  fallback: 'local' | 'closed' = 'local',
): { windows: ReturnType<typeof createWindows>; away: string[] } {
  const away: string[] = [];
  const windows = createWindows(limits, {
    limits: store,
    local: fallback === 'local' ? createInProcessLimits() : undefined,
    onAway: (what) => away.push(what),
    trustedEgress: parseAddressRanges(['160.79.104.0/21', '2001:db8::/32']),
  });
  return { windows, away };
}

function awayStore(): Limits {
  const away = () => Promise.reject(new AppError('unavailable', 'The store is away.'));
  const notes = { note: away, readNote: away, dropNote: away };
  return {
    ...notes,
    hit: away,
    hitAll: away,
    acquire: away,
    release: away,
    ping: away,
    close: async () => undefined,
  };
}

describe('the windows', () => {
  test('refuse a credential over its limit with the time to wait [RF-55][RF-59]', async () => {
    const { windows } = windowsOn(createInProcessLimits());
    for (let i = 0; i < 3; i += 1) await windows.chargeCredential(ada, 1);

    const refusal = await windows.chargeCredential(ada, 1);

    expect(refusal).toMatchObject({
      status: 429,
      data: { code: 'rate_limited', retryable: true, retry_after_seconds: 60 },
      headers: {
        'retry-after': '60',
        ratelimit: '"credential";r=0;t=60',
        'ratelimit-policy': '"credential";q=3;w=60',
      },
    });
  });

  test('count the requests of a batch', async () => {
    const { windows } = windowsOn(createInProcessLimits());

    const refusal = await windows.chargeCredential(ada, 4);

    expect(refusal).toMatchObject({ status: 429 });
  });

  test('count each credential apart', async () => {
    const { windows } = windowsOn(createInProcessLimits());
    await windows.chargeCredential(ada, 3);

    const refusal = await windows.chargeCredential({ ...ada, grant_id: 'key_2' }, 1);

    expect(isRefusal(refusal)).toBe(false);
  });

  test('do not count the one user of a loopback system', async () => {
    const { windows } = windowsOn(createInProcessLimits());

    const refusal = await windows.chargeCredential({ ...ada, kind: 'local' }, 100);

    expect(refusal).toBeUndefined();
  });

  test('refuse the failures of an address over its limit [RF-57]', async () => {
    const { windows } = windowsOn(createInProcessLimits());
    for (let i = 0; i < 2; i += 1) await windows.chargeFailure('pre_auth', '203.0.113.7');

    const refusal = await windows.chargeFailure('pre_auth', '203.0.113.7');

    expect(refusal).toMatchObject({ status: 429 });
  });

  test('do not ask the store again about an address that is over its limit', async () => {
    const store = createInProcessLimits();
    let hits = 0;
    const counting: Limits = {
      ...store,
      hit(hit) {
        hits += 1;
        return store.hit(hit);
      },
    };
    const { windows } = windowsOn(counting);
    for (let i = 0; i < 10; i += 1) await windows.chargeFailure('pre_auth', '203.0.113.7');

    expect(hits).toBe(3);
  });

  test('go on in this process, counted, while the store is away', async () => {
    const { windows, away } = windowsOn(awayStore());
    for (let i = 0; i < 3; i += 1) await windows.chargeCredential(ada, 1);

    const refusal = await windows.chargeCredential(ada, 1);

    expect(refusal).toMatchObject({ status: 429 });
    expect(away).toEqual(Array.from({ length: 4 }, () => 'local'));
  });

  test('let nothing in, counted, while the store is away and no other counts', async () => {
    const { windows, away } = windowsOn(awayStore(), 'closed');

    const charges = [
      await windows.chargeCredential(ada, 1),
      await windows.chargeFailure('pre_auth', '203.0.113.7'),
    ];

    for (const charge of charges) {
      expect(charge).toMatchObject({ status: 503, data: { code: 'unavailable', retry_after_seconds: 2 } });
    }
    expect(away).toEqual(['closed', 'closed']);
  });

  test('tell how much is left [RF-56]', async () => {
    const { windows } = windowsOn(createInProcessLimits());

    const charge = await windows.chargeCredential(ada, 1);

    expect(charge).toEqual({
      'ratelimit-policy': '"credential";q=3;w=60',
      ratelimit: '"credential";r=2;t=60',
    });
  });

  test.each(['160.79.106.35', '2001:db8:1::1'])('give the shared egress %s more [X16]', async (address) => {
    const { windows } = windowsOn(createInProcessLimits());
    for (let i = 0; i < 5; i += 1) {
      expect(isRefusal(await windows.chargeFailure('pre_auth', address))).toBe(false);
    }

    expect(await windows.chargeFailure('pre_auth', address)).toMatchObject({ status: 429 });
  });

  test('count an IPv6 network as one address [X16]', async () => {
    const { windows } = windowsOn(createInProcessLimits());
    await windows.chargeFailure('pre_auth', '2001:db9::1');
    await windows.chargeFailure('pre_auth', '2001:db9::2');

    expect(await windows.chargeFailure('pre_auth', '2001:db9::3')).toMatchObject({ status: 429 });
  });
});
