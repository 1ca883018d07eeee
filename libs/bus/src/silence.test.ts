import { AppError, defineRpc, listProviders, localPrincipal } from '@inferry/contracts';
import { afterEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Bus } from './bus.ts';
import { createBus } from './create-bus.ts';
import type { BusTimings } from './frames.ts';
import { createInProcessTransport } from './in-process-transport.ts';
import type { OutgoingMessage, Transport } from './transport.ts';

const timings: BusTimings = {
  heartbeatMs: 60,
  takenMs: 200,
  lostAfterMs: 400,
  patienceMs: 1_500,
  heldMs: 1_500,
  sweepMs: 20,
};
const options = { principal: localPrincipal, timeoutMs: 20_000 };
const other = defineRpc({ subject: 'rpc.v1.suite.other', input: z.object({}), output: z.object({}) });

const opened: { close(): Promise<void> }[] = [];
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

function open(transport: Transport, others: Partial<BusTimings> = {}): Bus {
  const bus = createBus(transport, { name: 'service', timings: { ...timings, ...others } });
  opened.push(bus);
  return bus;
}

/** A member of the service that is there for the server and does nothing: stopped, or cut off in silence. */
function addFrozenMember(transport: Transport): { calls: OutgoingMessage[] } {
  const calls: OutgoingMessage[] = [];
  const listener = ({
    subject,
    data,
    reply = '',
  }: {
    subject: string;
    data: string;
    reply?: string | undefined;
  }) => calls.push({ subject, data, reply });
  for (const { subject } of [listProviders, other]) {
    transport.subscribe(subject, listener, 'service');
    transport.subscribe(`who.v1.${subject}`, () => undefined);
  }
  return { calls };
}

function serve(bus: Bus): { served: string[] } {
  const served: string[] = [];
  bus.serve(listProviders, async (_input, { callId }) => {
    served.push(callId);
    return { providers: [] };
  });
  bus.serve(other, async () => ({}));
  return { served };
}

it('gives a call that nobody takes to an instance that says it is there', async () => {
  const transport = createInProcessTransport();
  addFrozenMember(transport);
  serve(open(transport));
  const caller = open(transport);

  const answers = await Promise.all(
    Array.from({ length: 20 }, () => caller.call(listProviders, {}, options)),
  );

  expect(answers).toEqual(answers.map(() => ({ providers: [] })));
});

it('keeps the frozen member out of every later call of the service, also of other contracts', async () => {
  const transport = createInProcessTransport();
  const frozen = addFrozenMember(transport);
  serve(open(transport));
  const caller = open(transport);
  await Promise.all(Array.from({ length: 4 }, () => caller.call(listProviders, {}, options)));
  const before = frozen.calls.length;

  for (let index = 0; index < 20; index += 1) {
    await caller.call(listProviders, {}, options);
    await caller.call(other, {}, options);
  }

  expect(frozen.calls.length).toBe(before);
});

it('gives a call whose holder froze to another instance, with the same call id', async () => {
  const transport = createInProcessTransport();
  const holder = freezable(transport);
  const started: string[] = [];
  open(holder).serve(listProviders, (_input, { callId }) => {
    started.push(callId);
    return new Promise(() => undefined);
  });
  const caller = open(transport);
  const answer = caller.call(listProviders, {}, { ...options, callId: 'call-7' });
  await vi.waitFor(() => expect(started).toEqual(['call-7']));
  const { served } = serve(open(transport));

  holder.freeze();

  expect(await answer).toEqual({ providers: [] });
  expect(served).toEqual(['call-7']);
});

it('fails a call after a while, not copied, when the only member is frozen', async () => {
  const transport = createInProcessTransport();
  const frozen = addFrozenMember(transport);
  const caller = open(transport);

  const failed = await caller.call(listProviders, {}, options).catch((error: unknown) => error);

  expect(failed).toBeInstanceOf(AppError);
  expect(failed).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
  expect(frozen.calls).toHaveLength(1);
});

it.each([
  ['its deadline', { timeoutMs: 600 }],
  ['the patience of its caller', { patienceMs: 600 }],
])('fails a call that nobody answers within %s, whatever the bus has patience for', async (_what, limits) => {
  const transport = createInProcessTransport();
  addFrozenMember(transport);
  const caller = open(transport, { patienceMs: 600_000 });

  const failed = caller.call(listProviders, {}, { ...options, timeoutMs: 600_000, ...limits });

  await expect(failed).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
});

it('asks the queue group again when an instance that was there a moment ago is gone', async () => {
  const transport = createInProcessTransport();
  addFrozenMember(transport);
  const first = open(transport);
  serve(first);
  const caller = open(transport);
  await Promise.all(Array.from({ length: 4 }, () => caller.call(listProviders, {}, options)));
  const { served } = serve(open(transport));

  await first.drain(100);
  await caller.call(listProviders, {}, { ...options, callId: 'after' });

  expect(served).toEqual(['after']);
});

it('does not begin what was given to somebody else while this process stood still', async () => {
  const transport = createInProcessTransport();
  const { served } = serve(open(transport));
  const call = { timeout_ms: 30_000, principal: localPrincipal };
  const publish = (number: number) =>
    transport.publish({
      subject: listProviders.subject,
      data: '{}',
      reply: `inbox.raw.${number}`,
      headers: { 'Inferry-Call': JSON.stringify({ ...call, id: `call-${number}` }) },
    });

  publish(1);
  publish(2);
  transport.publish({ subject: 'cancel.v1.inbox.raw.1', data: '' });
  const until = performance.now() + 700;
  while (performance.now() < until);

  await vi.waitFor(() => expect(served).toEqual(['call-2']));
});

/** Its messages neither come nor go once it is frozen. */
function freezable(transport: Transport): Transport & { freeze(): void } {
  let isFrozen = false;
  return {
    isConnected: true,
    maxPayloadBytes: transport.maxPayloadBytes,
    publish: (message) => {
      if (!isFrozen) transport.publish(message);
    },
    subscribe: (subject, listener, queue) =>
      transport.subscribe(subject, (message) => isFrozen || listener(message), queue),
    onStatus: () => undefined,
    flush: () => transport.flush(),
    close: async () => undefined,
    freeze: () => {
      isFrozen = true;
    },
  };
}

it('brings a result that is larger than a message of this server whole', async () => {
  const transport = createInProcessTransport();
  const narrow: Transport = {
    ...freezable(transport),
    maxPayloadBytes: 8_192,
    publish: (message) => {
      if (Buffer.byteLength(message.data) > 8_192) throw new AppError('message_too_large', 'too large');
      transport.publish(message);
    },
  };
  const echo = defineRpc({
    subject: 'rpc.v1.suite.text',
    input: z.object({}),
    output: z.object({ text: z.string() }),
  });
  const text = 'größer 😀'.repeat(9_000);
  open(narrow).serve(echo, async () => ({ text }));
  const caller = open(transport);

  const answers = await Promise.all([1, 2, 3].map(() => caller.call(echo, {}, options)));

  expect(answers).toEqual([{ text }, { text }, { text }]);
});
