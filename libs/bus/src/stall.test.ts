import { listProviders, localPrincipal } from '@inferry/contracts';
import { expect, it, vi } from 'vitest';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';

const timings = { heartbeatMs: 50, lostAfterMs: 200, sweepMs: 20 };

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
