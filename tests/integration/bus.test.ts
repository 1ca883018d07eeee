import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Bus, type BusTimings, createBus, defaultTimings } from '@inferry/bus';
import { describeBus, suiteTimings } from '@inferry/bus/contract-suite';
import { connectNats, type NatsOptions } from '@inferry/bus/nats';
import { AppError, defineEvent, defineRpc, localPrincipal } from '@inferry/contracts';
import { createTcpProxy, freePort, startNats, waitFor } from '@inferry/testing';
import { afterEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';

const natsUrl = inject('natsUrl');

describeBus('NATS', {
  connect: () => connectNats({ url: natsUrl, name: 'suite' }),
  async startVictim() {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'bus-victim.ts'), natsUrl, String(suiteTimings.heartbeatMs)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return {
      async kill() {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      },
    };
  },
});

const whoIsThere = defineRpc({
  subject: 'rpc.v1.suite.who_is_there',
  input: z.object({}),
  output: z.object({ me: z.string() }),
});
const options = { principal: localPrincipal, timeoutMs: 5_000 };

describe('the bus when NATS fails', () => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function connect(
    nats: Partial<NatsOptions> & { url: string },
    timings: Partial<BusTimings> = suiteTimings,
  ): Promise<Bus> {
    const transport = await connectNats({ name: 'faults', ...nats });
    const bus = createBus(transport, { name: 'faults', timings });
    closers.push(() => bus.close());
    return bus;
  }

  it('works again by itself after the server was killed and restarted', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const responder = await connect(server);
    responder.serve(whoIsThere, async () => ({ me: 'responder' }));
    const caller = await connect(server);
    const statuses: boolean[] = [];
    caller.onStatus((isConnected) => statuses.push(isConnected));
    await waitFor(() => caller.call(whoIsThere, {}, options));

    await server.kill();
    await waitFor(() => !caller.isConnected);
    const meanwhile = await caller.call(whoIsThere, {}, options).catch((error: unknown) => error);
    await server.restart();
    const answer = await waitFor(() => caller.call(whoIsThere, {}, options), { timeoutMs: 10_000 });

    expect(meanwhile).toBeInstanceOf(AppError);
    expect(meanwhile).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
    expect(answer).toEqual({ me: 'responder' });
    expect(statuses).toEqual([false, true]);
  });

  it('rejects a call that is under way when the server goes away, with unavailable', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const responder = await connect(server);
    responder.serve(whoIsThere, () => new Promise(() => undefined));
    const caller = await connect(server);
    await waitFor(() => responder.isConnected);
    const failed = caller.call(whoIsThere, {}, options).catch((error: unknown) => error);
    await waitFor(() => responder.load.answering === 1);

    await server.kill();

    expect(await failed).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
    expect(caller.load.asking).toBe(0);
  });

  it('goes on with a call whose connection broke for a moment', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const proxy = await createTcpProxy(server);
    closers.push(() => proxy.close());
    const responder = await connect(server, defaultTimings);
    let finish: (() => void) | undefined;
    let starts = 0;
    responder.serve(whoIsThere, async () => {
      starts += 1;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { me: 'patient' };
    });
    const caller = await connect({ url: `nats://127.0.0.1:${proxy.port}` }, defaultTimings);
    const answered = caller.call(whoIsThere, {}, options);
    await waitFor(() => responder.load.answering === 1);

    proxy.reset();
    await waitFor(() => !caller.isConnected);
    await waitFor(() => caller.isConnected);
    finish?.();

    expect(await answered).toEqual({ me: 'patient' });
    expect(starts).toBe(1);
  });

  it('notices a link that is cut in silence, and comes back when it is whole', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const proxy = await createTcpProxy(server);
    closers.push(() => proxy.close());
    const responder = await connect(server);
    responder.serve(whoIsThere, async () => ({ me: 'behind the link' }));
    const url = `nats://127.0.0.1:${proxy.port}`;
    const caller = await connect({ url, pingIntervalMs: 100, connectTimeoutMs: 500 });
    await waitFor(() => caller.call(whoIsThere, {}, options));

    proxy.blackhole();
    await waitFor(() => !caller.isConnected, { timeoutMs: 2_000, what: 'the loss to be noticed' });
    const meanwhile = await caller.call(whoIsThere, {}, options).catch((error: unknown) => error);
    proxy.restore();
    const answer = await waitFor(() => caller.call(whoIsThere, {}, options), { timeoutMs: 10_000 });

    expect(meanwhile).toMatchObject({ code: 'unavailable' });
    expect(answer).toEqual({ me: 'behind the link' });
  });

  it('hears events again after a reconnection', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const tick = defineEvent({ subject: 'events.v1.suite.tick', payload: z.object({ n: z.int() }) });
    const bus = await connect(server);
    const heard: number[] = [];
    bus.on(tick, ({ n }) => heard.push(n));

    await server.kill();
    await waitFor(() => !bus.isConnected);
    bus.publish(tick, { n: 1 });
    await server.restart();
    await waitFor(() => bus.isConnected, { timeoutMs: 10_000 });
    bus.publish(tick, { n: 2 });

    await waitFor(() => heard.length > 0);
    expect(heard).toEqual([2]);
  });

  it('closes while the server stands still', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const bus = await connect(server);
    await server.pause();
    closers.push(() => server.resume());

    await bus.close();

    expect(bus.isConnected).toBe(false);
  });

  it('says which server does not take the first connection, and no password', async () => {
    const port = await freePort();

    const failed = connectNats({ url: `nats://me:hunter2@127.0.0.1:${port}`, name: 'nobody' });

    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: `NATS at 127.0.0.1:${port} cannot be reached: the connection is refused.`,
    });
  });

  it('says that a server did not answer in time', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    await server.pause();
    closers.push(() => server.resume());

    const failed = connectNats({ url: server.url, name: 'late', connectTimeoutMs: 200 });

    await expect(failed).rejects.toThrow(/no answer within 200 ms/);
  });
});
