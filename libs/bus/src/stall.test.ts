import { listProviders, localPrincipal } from '@inferry/contracts';
import { afterEach, expect, it, vi } from 'vitest';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';

const timings = { heartbeatMs: 50, lostAfterMs: 200, sweepMs: 20 };

afterEach(() => {
  vi.restoreAllMocks();
});

/** Holds the event loop, as heavy work in this process would. */
function holdTheLoop(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

it('does not take its own standstill for the death of a responder', async () => {
  const transport = createInProcessTransport();
  const [asking, answering] = [
    createBus(transport, { name: 'a', timings }),
    createBus(transport, { name: 'b', timings }),
  ];
  const { promise: held, resolve } = Promise.withResolvers<void>();
  let calls = 0;
  answering.serve(listProviders, async () => {
    calls += 1;
    await held;
    return { providers: [] };
  });
  const answer = asking.call(listProviders, {}, { principal: localPrincipal });
  await vi.waitFor(() => expect(calls).toBe(1));

  for (let round = 0; round < 4; round += 1) {
    holdTheLoop(300);
    await new Promise((done) => setTimeout(done, 1));
  }
  resolve();

  expect(await answer).toEqual({ providers: [] });
  expect(calls).toBe(1);
  await Promise.all([asking.close(), answering.close()]);
});

it.each([-7_200_000, 7_200_000])(
  'ends a call at its deadline although the clock of the machine jumps by %i ms meanwhile, and not before',
  async (byMs) => {
    const transport = createInProcessTransport();
    const asking = createBus(transport, { name: 'a', timings });
    const answering = createBus(transport, { name: 'b', timings });
    const taken = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    const leftMs: number[] = [];
    answering.serve(listProviders, async (_input, context) => {
      taken.resolve();
      await slow.promise;
      leftMs.push(context.deadlineAt - Date.now());
      return { providers: [] };
    });
    const lasting = asking.call(listProviders, {}, { principal: localPrincipal, timeoutMs: 60_000 });
    await taken.promise;
    const short = asking.call(listProviders, {}, { principal: localPrincipal, timeoutMs: 500 });

    const real = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => real() + byMs);

    await expect(short).rejects.toMatchObject({ code: 'deadline_exceeded' });
    slow.resolve();
    expect(await lasting).toEqual({ providers: [] });
    expect(leftMs[0]).toBeGreaterThan(0);
    expect(leftMs[0]).toBeLessThanOrEqual(60_000);
    await Promise.all([asking.close(), answering.close()]);
  },
);
