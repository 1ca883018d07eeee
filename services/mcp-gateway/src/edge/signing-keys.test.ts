import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { AppError, jwksChanged, readJwks } from '@inferry/contracts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type SigningKeys, watchSigningKeys } from './signing-keys.ts';

let auth: Bus;
let gateway: Bus;
let keys: SigningKeys;
let kids: string[];
let reads: number;
/** Readings up to this one fail. */
let failures: number;
let warnings: number;
let removed: number;
let clock: number;

beforeEach(() => {
  const transport = createInProcessTransport();
  auth = createBus(transport, { name: 'auth' });
  gateway = createBus(transport, { name: 'mcp-gateway' });
  [kids, reads, failures, warnings, removed, clock] = [['one'], 0, 0, 0, 0, 0];
  auth.serve(readJwks, async () => {
    reads += 1;
    if (reads <= failures) throw new AppError('unavailable', 'Not now.');
    return { issuer: 'https://a.example', audiences: ['https://a.example/mcp'], keys: kids.map(toKey) };
  });
});
afterEach(async () => {
  keys.close();
  await Promise.all([auth.close(), gateway.close()]);
});

const toKey = (kid: string) => ({ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid });

async function watch(): Promise<void> {
  keys = watchSigningKeys(gateway, {
    log: {
      warn() {
        warnings += 1;
      },
    },
    onRemoved() {
      removed += 1;
    },
    ...{ refreshMs: 3_600_000, retryMs: 5, now: () => clock },
  });
  await vi.waitFor(() => expect(keys.trust).toBeDefined());
}

test('are tried again soon when the first reading failed, and that is said once', async () => {
  failures = 3;

  await watch();

  expect([reads, warnings]).toEqual([4, 1]);
});

test('forget one that was taken out although the reading after the event failed', async () => {
  await watch();
  kids = ['two'];
  failures = reads + 2;

  auth.publish(jwksChanged, {});

  await vi.waitFor(() => expect([...(keys.trust?.kids ?? [])]).toEqual(['two']));
  expect([removed, warnings]).toEqual([1, 1]);
});

test('are read for a token of an unknown one, by all who ask at once together, and no more for a while', async () => {
  await watch();
  const before = reads;
  clock = 10_000;

  await Promise.all([keys.reloadForUnknownKey(), keys.reloadForUnknownKey()]);
  await keys.reloadForUnknownKey();
  expect(reads).toBe(before + 1);

  clock += 5_000;
  await keys.reloadForUnknownKey();
  expect(reads).toBe(before + 2);
});
