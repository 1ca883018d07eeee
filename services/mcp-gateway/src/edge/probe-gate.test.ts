import type { IncomingMessage } from 'node:http';
import { createInProcessLimits } from '@inferry/limits';
import { isRefusal } from '@inferry/mcp';
import { parseAddressRanges } from '@inferry/runtime';
import { describe, expect, test } from 'vitest';
import { createProbeGate } from './probe-gate.ts';
import { createWindows } from './windows.ts';

const limits = { credential: 9, ipPreAuth: 5, ipPostAuth: 9, trustedEgress: 50 };
const none = parseAddressRanges([]);

function from(remoteAddress: string): IncomingMessage {
  // as: the gate reads the address and the headers alone.
  return { headers: {}, socket: { remoteAddress } } as unknown as IncomingMessage;
}

function gateOn(options: { perAddress?: number; perProvider?: number } = {}) {
  const store = createInProcessLimits();
  const windows = createWindows(limits, {
    limits: store,
    local: undefined,
    onAway: () => undefined,
    trustedEgress: none,
  });
  const gate = createProbeGate({ windows, trustedProxies: none, trustedEgress: none, ...options });
  let probes = 0;
  const pass = (address: string, answer: unknown, provider = 'replicate') =>
    gate.pass({ request: from(address), provider, isBad: (verdict) => verdict === null }, async () => {
      probes += 1;
      return answer;
    });
  return { gate, pass, probes: () => probes };
}

describe('keys that nobody knows yet', () => {
  test.each(['one after the other', 'at once'])(
    'are tried as often as an address may fail: %s',
    async (how) => {
      const { pass, probes } = gateOn();
      const guesses = Array.from({ length: 200 }, () => () => pass('192.0.2.1', null));

      if (how === 'at once') await Promise.all(guesses.map((guess) => guess()));
      else for (const guess of guesses) await guess();

      expect(probes()).toBeLessThanOrEqual(limits.ipPreAuth);
      expect(probes()).toBeGreaterThan(0);
    },
  );

  test('are tried for another address, whatever one does', async () => {
    const { pass } = gateOn();
    for (let count = 0; count < 20; count += 1) await pass('192.0.2.1', null);

    expect(isRefusal((await pass('192.0.2.1', 'good')) as object)).toBe(true);
    expect(await pass('192.0.2.2', 'good')).toBe('good');
  });

  test('cost nothing when they are good: an office of many is not locked out', async () => {
    const { pass } = gateOn();

    const answers = [];
    for (let count = 0; count < 60; count += 1) answers.push(await pass('192.0.2.1', 'good'));

    expect(new Set(answers)).toEqual(new Set(['good']));
  });

  test('of an address or a platform that is slow leave room for others', async () => {
    const { gate, pass } = gateOn({ perAddress: 3, perProvider: 6 });
    const { promise: never, resolve } = Promise.withResolvers<string>();
    const slow = (address: string, provider: string) =>
      gate.pass({ request: from(address), provider, isBad: () => false }, () => never);
    const held = [1, 2, 3].map(() => slow('192.0.2.1', 'slow'));

    const more = await slow('192.0.2.1', 'slow');
    const honest = await pass('192.0.2.2', 'good', 'slow');
    held.push(...[3, 4, 5].map((host) => slow(`192.0.2.${host}`, 'slow')));
    const full = await slow('192.0.2.9', 'slow');
    const elsewhere = await pass('192.0.2.9', 'good', 'quick');

    expect(more).toMatchObject({ status: 429, data: { code: 'busy' } });
    expect(honest).toBe('good');
    expect(full).toMatchObject({ status: 503 });
    expect(elsewhere).toBe('good');
    resolve('good');
    await Promise.all(held);
  });
});

describe('all credentials of one account', () => {
  test('have one window together, and each its own', async () => {
    const windows = createWindows(
      { ...limits, credential: 3, subject: 5 },
      { limits: createInProcessLimits(), local: undefined, onAway: () => undefined, trustedEgress: none },
    );
    const charge = (grantId: string, subject = 'ada') =>
      windows.chargeCredential({ subject, grant_id: grantId, kind: 'api_key', scopes: [] }, 1);
    const isLetIn = async (grantId: string, subject?: string) =>
      !isRefusal((await charge(grantId, subject)) ?? {});

    const answers = [];
    for (const key of ['a', 'a', 'a', 'a', 'b', 'b', 'c', 'd']) answers.push(await isLetIn(key));

    expect(answers).toEqual([true, true, true, false, true, true, false, false]);
    expect(await isLetIn('e', 'bob')).toBe(true);
  });
});
