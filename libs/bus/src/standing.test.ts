/** Calls that come before the services stand that they are for. */
import { listProviders, localPrincipal } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus } from './bus.ts';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';

const options = { principal: localPrincipal, timeoutMs: 20_000 };
let standing: PromiseWithResolvers<void>;
let caller: Bus;
let service: Bus;

beforeEach(() => {
  const transport = createInProcessTransport();
  standing = Promise.withResolvers<void>();
  caller = createBus(transport, { name: 'caller', standing: standing.promise });
  service = createBus(transport, { name: 'service' });
});
afterEach(() => Promise.all([caller.close(), service.close()]));

const serve = () => service.serve(listProviders, async () => ({ providers: [] }));

describe('a call before the services stand', () => {
  it('waits for them and is answered', async () => {
    const answer = caller.call(listProviders, {}, options);
    serve();
    standing.resolve();

    expect(await answer).toEqual({ providers: [] });
    expect(await caller.call(listProviders, {}, options)).toEqual({ providers: [] });
  });

  it('fails with what they fail with', async () => {
    const answer = caller.call(listProviders, {}, options);
    standing.reject(new Error('no room'));

    await expect(answer).rejects.toThrow('no room');
    await expect(caller.call(listProviders, {}, options)).rejects.toThrow('no room');
  });

  it('ends at its deadline, and with its caller', async () => {
    await expect(caller.call(listProviders, {}, { ...options, timeoutMs: 20 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    const gone = new AbortController();
    const answer = caller.call(listProviders, {}, { ...options, signal: gone.signal });
    gone.abort();
    await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
  });
});
