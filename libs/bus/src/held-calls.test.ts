/** Calls that are made while there is no connection, and those that meet nobody just after it is back. */
import { defineRpc, listProviders, localPrincipal } from '@inferry/contracts';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Bus } from './bus.ts';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';
import type { Transport } from './transport.ts';

const options = { principal: localPrincipal, timeoutMs: 60_000 };
const write = defineRpc({
  subject: 'rpc.v1.suite.write',
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
});

const opened: { close(): Promise<void> }[] = [];
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

function open(transport: Transport, heldMs = 60_000): Bus {
  const timings = {
    heartbeatMs: 60,
    takenMs: 200,
    lostAfterMs: 400,
    patienceMs: 60_000,
    heldMs,
    sweepMs: 20,
  };
  const bus = createBus(transport, { name: 'service', timings });
  opened.push(bus);
  return bus;
}

interface Link extends Transport {
  cut(): void;
  mend(): void;
}

/** What is published while it is cut is lost, as with a server that went away. */
function linkTo(trunk: Transport): Link {
  const listeners: ((isConnected: boolean) => void)[] = [];
  let isConnected = true;
  const set = (value: boolean) => {
    isConnected = value;
    for (const listener of listeners) listener(value);
  };
  return {
    get isConnected() {
      return isConnected;
    },
    maxPayloadBytes: trunk.maxPayloadBytes,
    publish: (message) => isConnected && trunk.publish(message),
    subscribe: (subject, listener, queue) =>
      trunk.subscribe(subject, (message) => isConnected && listener(message), queue),
    onStatus: (listener) => void listeners.push(listener),
    flush: () => trunk.flush(),
    close: async () => undefined,
    cut: () => set(false),
    mend: () => set(true),
  };
}

function serveWrites(transport: Transport): number[] {
  const taken: number[] = [];
  open(transport).serve(write, async ({ n }) => {
    taken.push(n);
    return { n };
  });
  return taken;
}

describe('a call while the connection is away', () => {
  it('leaves once, in order, when it is back', async () => {
    const trunk = createInProcessTransport();
    const taken = serveWrites(trunk);
    const link = linkTo(trunk);
    const caller = open(link);
    link.cut();

    const answers = [1, 2, 3].map((n) => caller.call(write, { n }, options));
    await trunk.flush();
    expect([taken, caller.load.asking]).toEqual([[], 3]);
    link.mend();

    expect(await Promise.all(answers)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect([taken, caller.load.asking]).toEqual([[1, 2, 3], 0]);
  });

  it('fails when that takes too long or its time ends, can be asked again, and never leaves', async () => {
    const trunk = createInProcessTransport();
    const taken = serveWrites(trunk);
    const link = linkTo(trunk);
    const caller = open(link, 300);
    link.cut();

    const failed = caller.call(write, { n: 1 }, options);
    const late = open(link).call(write, { n: 2 }, { ...options, timeoutMs: 100 });

    const told = { code: 'unavailable', retryAfterSeconds: 2 };
    expect(await Promise.allSettled([failed, late])).toMatchObject([{ reason: told }, { reason: told }]);
    link.mend();
    await caller.call(write, { n: 3 }, options);
    expect(taken).toEqual([3]);
  });

  it('never leaves when its caller changed its mind, or closed', async () => {
    const trunk = createInProcessTransport();
    const taken = serveWrites(trunk);
    const link = linkTo(trunk);
    const caller = open(link);
    const closing = open(link);
    link.cut();
    const abort = new AbortController();

    const cancelled = caller.call(write, { n: 1 }, { ...options, signal: abort.signal });
    const closed = closing.call(write, { n: 2 }, options).catch((error: unknown) => error);
    abort.abort();
    await closing.close();

    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(await closed).toMatchObject({ code: 'unavailable' });
    link.mend();
    await caller.call(write, { n: 3 }, options);
    expect(taken).toEqual([3]);
  });

  it('fails at once when thousands wait already', async () => {
    const link = linkTo(createInProcessTransport());
    const caller = open(link);
    link.cut();
    const held = Array.from({ length: 5_000 }, (_, n) =>
      caller.call(write, { n }, options).catch((error: unknown) => error),
    );

    await expect(caller.call(write, { n: 0 }, options)).rejects.toMatchObject({ code: 'unavailable' });
    await caller.close();
    await Promise.all(held);
  });
});

describe('a call just after the connection is back', () => {
  it('waits for a service that is back later', async () => {
    const trunk = createInProcessTransport();
    const link = linkTo(trunk);
    const caller = open(link);
    link.cut();
    link.mend();
    let isOver = false;
    const answer = caller.call(listProviders, {}, options).finally(() => {
      isOver = true;
    });
    await vi.waitFor(() => expect(caller.load.asking).toBe(1));
    await trunk.flush();
    expect(isOver).toBe(false);

    open(trunk).serve(listProviders, async () => ({ providers: [] }));

    expect(await answer).toEqual({ providers: [] });
  });

  it('fails when nobody comes', async () => {
    const link = linkTo(createInProcessTransport());
    const caller = open(link, 300);
    link.cut();
    link.mend();

    const failed = caller.call(listProviders, {}, options);

    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: 'Nobody serves this call now.',
    });
    await expect(caller.call(listProviders, {}, options)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a call of a service that has answered before', () => {
  it('waits for it while it is started again', async () => {
    const trunk = createInProcessTransport();
    const caller = open(trunk);
    const before = createBus(trunk, { name: 'service' });
    before.serve(write, async ({ n }) => ({ n }));
    await caller.call(write, { n: 1 }, options);
    await before.drain(0);
    const answers = [2, 3].map((n) => caller.call(write, { n }, options));
    await vi.waitFor(() => expect(caller.load.asking).toBe(2));
    await trunk.flush();

    const taken = serveWrites(trunk);

    expect(await Promise.all(answers)).toEqual([{ n: 2 }, { n: 3 }]);
    expect(taken.toSorted()).toEqual([2, 3]);
  });

  it('fails when it does not come back in time', async () => {
    const trunk = createInProcessTransport();
    const caller = open(trunk, 300);
    const before = createBus(trunk, { name: 'service' });
    before.serve(write, async ({ n }) => ({ n }));
    await caller.call(write, { n: 1 }, options);
    await before.drain(0);

    await expect(caller.call(write, { n: 2 }, options)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'Nobody serves this call now.',
    });
  });
});
