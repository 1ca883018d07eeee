import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { AppError, readRevocations } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type RevokedGrants, watchRevokedGrants } from './revoked-grants.ts';

let auth: Bus;
let gateway: Bus;
let revoked: RevokedGrants;
let items: { seq: number; grant_id: string }[];
let failures: number;
let reads: number;
let warnings: number;
let clock: number;
let listeners: ((isConnected: boolean) => void)[];

beforeEach(async () => {
  const transport = createInProcessTransport();
  auth = createBus(transport, { name: 'auth' });
  gateway = createBus(transport, { name: 'mcp-gateway' });
  [items, failures, reads, warnings, clock] = [[], 0, 0, 0, 0];
  listeners = [];
  auth.serve(readRevocations, async ({ after }) => {
    reads += 1;
    if (reads <= failures) throw new AppError('unavailable', 'Not now.');
    return { items: items.filter(({ seq }) => seq > after), latest: items.length };
  });
});
afterEach(async () => {
  revoked.close();
  await Promise.all([auth.close(), gateway.close()]);
});

function watch(): void {
  revoked = watchRevokedGrants(
    {
      ...gateway,
      onStatus(listener) {
        listeners.push(listener);
      },
    },
    {
      log: {
        warn() {
          warnings += 1;
        },
      },
      refreshMs: 3_600_000,
      retryMs: 5,
      now: () => clock,
    },
  );
}

function tell(isConnected: boolean): void {
  for (const listener of listeners) listener(isConnected);
}

describe('the revoked set of a replica', () => {
  test('is tried again soon after its first reading failed, and says so once', async () => {
    failures = 3;

    watch();

    await vi.waitFor(() => expect(revoked.isLoaded).toBe(true));
    expect([reads, warnings]).toEqual([4, 1]);
  });

  test('is repaired soon when the bus came back before the service that knows it', async () => {
    watch();
    await vi.waitFor(() => expect(revoked.isLoaded).toBe(true));
    tell(false);
    items = [{ seq: 1, grant_id: 'g' }];
    clock = 7_000;
    expect([revoked.has('g'), revoked.deafMs]).toEqual([false, 7_000]);

    failures = reads + 2;
    tell(true);

    await vi.waitFor(() => expect(revoked.has('g')).toBe(true));
    expect(revoked.deafMs).toBe(0);
  });

  test('is deaf until it was read again, whatever the bus says', async () => {
    watch();
    await vi.waitFor(() => expect(revoked.isLoaded).toBe(true));
    tell(false);
    clock = 1_000;
    failures = Number.POSITIVE_INFINITY;
    const before = reads;

    tell(true);

    await vi.waitFor(() => expect(reads).toBeGreaterThan(before + 1));
    expect(revoked.deafMs).toBe(1_000);
  });
});
