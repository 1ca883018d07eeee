import { getEventListeners } from 'node:events';
import {
  AppError,
  defineEvent,
  defineOwnTool,
  defineRpc,
  localPrincipal,
  type Principal,
  type ToolResult,
} from '@inferry/contracts';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import type { Bus, CallOptions, Progress } from './bus.ts';
import { callHeader } from './call-envelope.ts';
import { type BusOptions, createBus } from './create-bus.ts';
import type { BusTimings } from './frames.ts';
import { CallLife } from './frames.ts';
import type { Transport } from './transport.ts';
import { hold, serveAsVictim } from './victim.ts';

/** What the suite needs of an implementation. */
export interface BusHarness {
  /** A connection of its own; all of them meet each other. */
  connect(): Promise<Transport>;
  /** Serves the tool `hold` as `serveAsVictim` does, in queue group `suite`, until killed without a goodbye. */
  startVictim(): Promise<{ kill(): Promise<void> }>;
}

/** Quick, and still far above what a busy machine delays a timer by. */
export const suiteTimings: BusTimings = {
  heartbeatMs: 150,
  takenMs: 500,
  lostAfterMs: 1_000,
  patienceMs: 2_000,
  heldMs: 1_000,
  sweepMs: 25,
};

const echo = defineOwnTool({
  name: 'suite_echo',
  title: 'Echo',
  description: 'Says it back.',
  toolset: 'run',
  scope: 'runs:read',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.object({ text: z.string(), steps: z.int().min(0).max(1_000).optional() }),
  output: z.object({ text: z.string().optional(), by: z.string().optional() }),
  present: ({ text }) => [{ type: 'text', text: `said: ${text}` }],
});
const double = defineRpc({
  subject: 'rpc.v1.suite.double',
  input: z.object({ value: z.number() }),
  output: z.object({ value: z.number(), principal: z.string().optional() }),
});
const happened = defineEvent({ subject: 'events.v1.suite.happened', payload: z.object({ n: z.int() }) });

/** What happens at once happens without them: a test that waited for one of these would not end. */
const endless: BusTimings = {
  ...suiteTimings,
  ...{ takenMs: 600_000, lostAfterMs: 600_000, patienceMs: 600_000 },
};
const noEnd = { timeoutMs: 600_000 };

const quick: CallOptions = { principal: localPrincipal, timeoutMs: 20_000 };

/** The behaviour of every bus: run by the in-process one and by NATS. */
export function describeBus(name: string, harness: BusHarness): void {
  const opened: Bus[] = [];
  const internalErrors: unknown[] = [];

  async function connect(options: Partial<BusOptions> = {}): Promise<Bus> {
    const onInternalError = (error: unknown) => internalErrors.push(error);
    const bus = createBus(await harness.connect(), {
      name: 'suite',
      timings: suiteTimings,
      onInternalError,
      ...options,
    });
    opened.push(bus);
    return bus;
  }

  async function rawTransport(): Promise<Transport> {
    const transport = await harness.connect();
    onTestFinished(() => transport.close());
    return transport;
  }

  /** Until the other side's subscriptions are known: what a service has when it says that it is ready. */
  async function serveEcho(by = 'one', options: Partial<BusOptions> = {}): Promise<Bus> {
    const bus = await connect(options);
    bus.serve(echo, async ({ text, steps = 0 }, { progress }) => {
      for (let step = 1; step <= steps; step += 1) {
        progress({ progress: step / 1_000, message: `${text} ${step}` });
      }
      return { text, by };
    });
    await settle(bus);
    return bus;
  }

  /** A round trip through the medium: what was subscribed before it is in force after it. */
  async function settle(bus: Bus): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ready = defineEvent({ subject: `events.v1.suite.ready_${opened.length}`, payload: z.object({}) });
    const subscription = bus.on(ready, () => resolve());
    bus.publish(ready, {});
    await promise;
    subscription.unsubscribe();
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((bus) => bus.close()));
    internalErrors.length = 0;
  });

  describe(`the bus over ${name}: calls`, () => {
    it('answers a tool call with the text and the structure of its result', async () => {
      await serveEcho();
      const caller = await connect();

      const result = parseResult(await caller.callTool(echo, { text: 'hello' }, quick));

      expect(result).toEqual({
        content: [{ type: 'text', text: 'said: hello' }],
        structuredContent: { text: 'hello', by: 'one' },
      });
    });

    it('answers an rpc with its parsed output', async () => {
      const server = await connect();
      server.serve(double, async ({ value }) => ({ value: value * 2 }));
      await settle(server);
      const caller = await connect();

      const answer = await caller.call(double, { value: 21 }, quick);

      expect(answer).toEqual({ value: 42 });
    });

    it('answers calls between two contracts of the same process', async () => {
      const bus = await serveEcho();

      const result = parseResult(await bus.callTool(echo, { text: 'me' }, quick));

      expect(result.structuredContent).toEqual({ text: 'me', by: 'one' });
    });

    it('brings the error of an rpc back whole', async () => {
      const server = await connect();
      const thrown = new AppError('busy', 'Not now.', {
        retryAfterSeconds: 7,
        nextAction: 'Wait.',
        upstreamStatus: 429,
        details: { queue: 3 },
      });
      server.serve(double, async () => {
        throw thrown;
      });
      await settle(server);
      const caller = await connect();

      const error = await failureOf(caller.call(double, { value: 1 }, quick));

      expect(error.toEnvelope()).toEqual(thrown.toEnvelope());
      expect(internalErrors).toEqual([]);
    });

    it('tells a caller nothing of an unexpected failure and its own process everything', async () => {
      const server = await connect();
      server.serve(double, async () => {
        throw new TypeError('password is hunter2');
      });
      await settle(server);
      const caller = await connect();

      const error = await failureOf(caller.call(double, { value: 1 }, quick));

      expect(error.code).toBe('internal');
      expect(JSON.stringify(error.toEnvelope())).not.toContain('hunter2');
      expect(internalErrors).toEqual([new TypeError('password is hunter2')]);
    });

    it('answers invalid arguments with a result that names each problem', async () => {
      await serveEcho();
      const caller = await connect();

      const result = parseResult(await caller.callTool(echo, { txt: 'typo' }, quick));

      expect(result.isError).toBe(true);
      expect(result.structuredContent.error).toMatchObject({
        code: 'validation_failed',
        details: { errors: [{ path: 'txt', message: 'unknown argument' }, { path: 'text' }] },
      });
    });

    it('passes an attachment beside the arguments', async () => {
      const server = await connect();
      const seen: unknown[] = [];
      server.serve(echo, async ({ text }, { attachment }) => {
        seen.push(attachment);
        return { text };
      });
      await settle(server);
      const caller = await connect();

      await caller.callTool(echo, { text: '' }, { ...quick, attachment: 'asset_1' });
      await caller.callTool(echo, { text: '' }, quick);

      expect(seen).toEqual(['asset_1', undefined]);
    });

    it('passes the principal, the call id and the wait budget to the handler', async () => {
      const server = await connect();
      const seen: unknown[] = [];
      server.serve(echo, async ({ text }, { principal, callId, wait, deadlineAt }) => {
        seen.push({ principal, callId, wait, leftMs: deadlineAt - Date.now() });
        return { text };
      });
      await settle(server);
      const caller = await connect();
      const principal: Principal = {
        ...localPrincipal,
        subject: 'Zoë·日本語·😀',
        client: 'Ünïcode "quoted"',
      };
      const wait = { defaultSeconds: 3, maxSeconds: 9 };

      await caller.callTool(echo, { text: '' }, { principal, callId: 'call-1', wait, timeoutMs: 10_000 });

      expect(seen).toEqual([
        { principal, callId: 'call-1', wait, leftMs: expect.toSatisfy(isAbout(10_000)) },
      ]);
    });

    it('answers 64 calls at once, each with its own result', async () => {
      await serveEcho();
      const caller = await connect();
      const texts = Array.from({ length: 64 }, (_, index) => `text ${index}`);

      const results = await Promise.all(texts.map((text) => caller.callTool(echo, { text }, quick)));

      expect(results.map((result) => parseResult(result).structuredContent.text)).toEqual(texts);
    });

    it('holds nothing any more after 5,000 calls', async () => {
      const server = await serveEcho();
      const caller = await connect();

      for (let index = 0; index < 5_000; index += 1) await caller.callTool(echo, { text: 'again' }, quick);

      expect(caller.load).toEqual({ asking: 0, answering: 0 });
      expect(server.load).toEqual({ asking: 0, answering: 0 });
    });

    it('rejects at once with unavailable when nobody serves the call', async () => {
      const caller = await connect({ timings: endless });

      const error = await failureOf(caller.callTool(echo, { text: 'anyone?' }, { ...quick, ...noEnd }));

      expect(error).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
    });

    it('refuses a call that is too large before it is sent', async () => {
      await serveEcho();
      const caller = await connect();

      const error = await failureOf(caller.callTool(echo, { text: 'x'.repeat(1_100_000) }, quick));

      expect(error.code).toBe('message_too_large');
      expect(caller.load.asking).toBe(0);
    });

    it('says so when the result is too large to send back', async () => {
      const server = await connect();
      server.serve(echo, async ({ text }) => ({ text: text.repeat(1_000_000) }));
      await settle(server);
      const caller = await connect();

      const error = await failureOf(caller.callTool(echo, { text: 'xx' }, quick));

      expect(error.code).toBe('message_too_large');
      expect(error.nextAction).toContain('limit');
    });

    it('sends back an error whose details are too large without them', async () => {
      const server = await connect();
      server.serve(double, async () => {
        throw new AppError('upstream_failed', 'Too much to tell.', {
          details: { log: 'x'.repeat(1_100_000) },
        });
      });
      await settle(server);
      const caller = await connect();

      const error = await failureOf(caller.call(double, { value: 1 }, quick));

      expect(error.toEnvelope()).toEqual({ code: 'upstream_failed', message: 'Too much to tell.' });
    });

    it('shares the calls of a queue group between its members', async () => {
      await serveEcho('one');
      await serveEcho('two');
      const caller = await connect();

      const results = await Promise.all(
        Array.from({ length: 60 }, () => caller.callTool(echo, { text: '' }, quick)),
      );

      const by = results.map((result) => parseResult(result).structuredContent.by);
      expect(new Set(by)).toEqual(new Set(['one', 'two']));
    });

    it('refuses the call that is one too many with busy', async () => {
      const server = await connect({ maxCalls: 1 });
      serveAsVictim(server);
      await settle(server);
      const caller = await connect();
      const abort = new AbortController();
      const first = failureOf(caller.callTool(hold, {}, { ...quick, signal: abort.signal }));
      await vi.waitFor(() => expect(server.load.answering).toBe(1));

      const error = await failureOf(caller.callTool(hold, {}, quick));

      expect(error).toMatchObject({ code: 'busy', retryAfterSeconds: 1 });
      abort.abort();
      await first;
    });
  });

  describe(`the bus over ${name}: progress`, () => {
    it('brings every step in order, also those that come with the result', async () => {
      await serveEcho();
      const caller = await connect();
      const steps: Progress[] = [];

      const onProgress = (step: Progress) => steps.push(step);
      await caller.callTool(echo, { text: 'step', steps: 300 }, { ...quick, onProgress });

      expect(steps.map((step) => step.message)).toEqual(
        Array.from({ length: 300 }, (_, index) => `step ${index + 1}`),
      );
    });

    it('only ever grows', async () => {
      const server = await connect();
      server.serve(echo, async ({ text }, { progress }) => {
        for (const value of [0.1, 0.3, 0.3, 0.2, 0.5]) progress({ progress: value });
        return { text };
      });
      await settle(server);
      const caller = await connect();
      const values: number[] = [];

      const onProgress = (step: Progress) => values.push(step.progress);
      await caller.callTool(echo, { text: '' }, { ...quick, onProgress });

      expect(values).toEqual([0.1, 0.3, 0.5]);
    });

    it('reaches the call that it belongs to and no other', async () => {
      await serveEcho('one');
      await serveEcho('two');
      const callers = [await connect(), await connect()];
      const calls = callers.flatMap((caller, at) =>
        Array.from({ length: 32 }, async (_, index) => {
          const text = `caller ${at} call ${index}`;
          const messages: (string | undefined)[] = [];
          const onProgress = (step: Progress) => messages.push(step.message);
          await caller.callTool(echo, { text, steps: 10 }, { ...quick, onProgress });
          return { text, messages };
        }),
      );

      for (const { text, messages } of await Promise.all(calls)) {
        expect(messages).toEqual(Array.from({ length: 10 }, (_, index) => `${text} ${index + 1}`));
      }
    });

    it('goes on when a listener throws', async () => {
      await serveEcho();
      const caller = await connect();

      const onProgress = () => {
        throw new Error('listener broke');
      };
      const result = await caller.callTool(echo, { text: 'on', steps: 2 }, { ...quick, onProgress });

      expect(parseResult(result).structuredContent.text).toBe('on');
      expect(internalErrors).toHaveLength(2);
    });
  });

  describe(`the bus over ${name}: ends of a call`, () => {
    it('stops the handler when the caller cancels', async () => {
      const server = await connect();
      serveAsVictim(server);
      await settle(server);
      const caller = await connect();
      const abort = new AbortController();
      const failed = failureOf(caller.callTool(hold, {}, { ...quick, signal: abort.signal }));
      await vi.waitFor(() => expect(server.load.answering).toBe(1));

      abort.abort();

      expect((await failed).code).toBe('cancelled');
      await vi.waitFor(() => expect(server.load.answering).toBe(0));
    });

    it('makes no call for a signal that has aborted', async () => {
      const server = await serveEcho();
      const caller = await connect();

      const error = await failureOf(
        caller.callTool(echo, { text: '' }, { ...quick, signal: AbortSignal.abort() }),
      );

      expect(error.code).toBe('cancelled');
      expect([caller.load.asking, server.load.answering]).toEqual([0, 0]);
    });

    it('ends on both sides when the deadline has passed', async () => {
      const server = await connect();
      serveAsVictim(server);
      await settle(server);
      const caller = await connect();

      const error = await failureOf(caller.callTool(hold, {}, { ...quick, timeoutMs: 200 }));

      expect(error.code).toBe('deadline_exceeded');
      expect(error.details).toMatchObject({ run_id: 'run-of-the-victim' });
      await vi.waitFor(() => expect(server.load.answering).toBe(0));
    });

    it('stops the handler at the deadline although no cancellation arrives', async () => {
      const server = await connect();
      serveAsVictim(server);
      await settle(server);
      const raw = await rawTransport();
      raw.subscribe('inbox.raw.*', () => undefined);

      raw.publish({
        ...rawCall,
        reply: 'inbox.raw.1',
        headers: headersOf({ timeout_ms: 100 }),
      });

      await vi.waitFor(() => expect(server.load.answering).toBe(1));
      await vi.waitFor(() => expect(server.load.answering).toBe(0));
    });

    it('stops the handler when its caller is gone without a goodbye', async () => {
      const server = await connect();
      serveAsVictim(server);
      await settle(server);
      const raw = await rawTransport();

      raw.publish({ ...rawCall, reply: 'inbox.nobody.1' });

      await vi.waitFor(() => expect(server.load.answering).toBe(1));
      await vi.waitFor(() => expect(server.load.answering).toBe(0), { timeout: 5_000 });
    });

    it('calls a call alive no longer once it is cancelled, although its handler goes on', async () => {
      const server = await connect();
      server.serve(hold, () => new Promise(() => undefined));
      await settle(server);
      const raw = await rawTransport();
      const beats: string[] = [];
      raw.subscribe('inbox.raw.alive', ({ data }) => beats.push(data));
      await raw.flush();
      raw.publish({ ...rawCall, reply: 'inbox.raw.7' });
      raw.publish({ ...rawCall, reply: 'inbox.raw.8' });
      await vi.waitFor(() => expect(beats).toContain('H7,8'));

      raw.publish({ subject: 'cancel.v1.inbox.raw.7', data: '' });

      await vi.waitFor(() => expect(beats).toContain('H8'));
    });

    it('keeps a silent call alive for as long as its responder lives', async () => {
      const server = await connect();
      const { promise, resolve } = Promise.withResolvers<void>();
      let starts = 0;
      server.serve(echo, async ({ text }) => {
        starts += 1;
        await promise;
        return { text };
      });
      await settle(server);
      const caller = await connect();

      setTimeout(resolve, suiteTimings.lostAfterMs * 2);
      const result = await caller.callTool(echo, { text: 'slow' }, quick);

      expect(parseResult(result).structuredContent.text).toBe('slow');
      expect(starts).toBe(1);
    });

    it('asks another responder with the same call id when one dies', async () => {
      const victim = await harness.startVictim();
      const caller = await connect();
      const steps: Progress[] = [];
      const onProgress = (step: Progress) => steps.push(step);
      const answered = caller.callTool(hold, {}, { ...quick, callId: 'once', onProgress });
      await vi.waitFor(() => expect(steps).toHaveLength(1), { timeout: 5_000 });
      const survivor = await connect();
      survivor.serve(hold, async (_input, { callId, progress }) => {
        progress({ progress: 0.2 });
        return { call_id: callId };
      });
      await settle(survivor);

      await victim.kill();
      const result = parseResult(await answered);

      expect(result.structuredContent.call_id).toBe('once');
      expect(steps.map((step) => step.progress)).toEqual([0.5]);
    });

    it('rejects with what the last progress told when the only responder dies', async () => {
      const victim = await harness.startVictim();
      const caller = await connect();
      const onProgress = vi.fn();
      const failed = failureOf(caller.callTool(hold, {}, { ...quick, callId: 'c-9', onProgress }));
      await vi.waitFor(() => expect(onProgress).toHaveBeenCalled(), { timeout: 5_000 });

      await victim.kill();
      const error = await failed;

      expect(error).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
      expect(error.details).toEqual({ run_id: 'run-of-the-victim', call_id: 'c-9' });
    });

    it('rejects what is pending when it closes', async () => {
      const server = await connect();
      serveAsVictim(server);
      await settle(server);
      const caller = await connect();
      const failed = failureOf(caller.callTool(hold, {}, quick));
      await vi.waitFor(() => expect(server.load.answering).toBe(1));

      await caller.close();

      expect((await failed).code).toBe('unavailable');
      expect((await failureOf(caller.callTool(hold, {}, quick))).code).toBe('unavailable');
      await vi.waitFor(() => expect(server.load.answering).toBe(0));
    });
  });

  describe(`the bus over ${name}: a caller that asks to finish`, () => {
    async function serveWaiting(): Promise<Bus> {
      const server = await connect();
      server.serve(echo, async ({ text }, { draining, signal }) => {
        await aborted(AbortSignal.any([draining, signal]));
        return { text, by: draining.aborted ? 'finished' : 'cancelled' };
      });
      await settle(server);
      return server;
    }

    it('gets the answer with what there is, and no other call ends', async () => {
      const server = await serveWaiting();
      const caller = await connect();
      const life = new CallLife();
      const other = caller.callTool(echo, { text: 'other' }, quick);
      const asked = caller.callTool(echo, { text: 'asked' }, { ...quick, life });
      await vi.waitFor(() => expect(server.load.answering).toBe(2));

      life.finish();
      const result = parseResult(await asked);

      expect(result.structuredContent).toEqual({ text: 'asked', by: 'finished' });
      expect(server.load.answering).toBe(1);
      await server.drain(5_000);
      await other;
    });

    it('gets it at once when it had asked before the call', async () => {
      await serveWaiting();
      const caller = await connect();
      const life = new CallLife();
      life.finish();

      const call = caller.callTool(echo, { text: '' }, { ...quick, life });

      expect(parseResult(await call).structuredContent.by).toBe('finished');
    });

    it('gets it from whoever takes the call over', async () => {
      const leaving = await connect();
      serveAsVictim(leaving);
      await settle(leaving);
      const caller = await connect();
      const life = new CallLife();
      const call = caller.callTool(hold, {}, { ...quick, life, callId: 'taken-over' });
      await vi.waitFor(() => expect(leaving.load.answering).toBe(1));
      life.finish();
      const staying = await connect();
      staying.serve(hold, async (_input, { callId, draining }) => {
        await aborted(draining);
        return { call_id: callId };
      });
      await settle(staying);

      await leaving.drain(50);

      expect(parseResult(await call).structuredContent.call_id).toBe('taken-over');
    });

    it('leaves nothing behind when the call has ended', async () => {
      await serveEcho();
      const caller = await connect();
      const { signal } = new AbortController();
      const life = new CallLife();

      await Promise.all(
        Array.from({ length: 20 }, () => caller.callTool(echo, { text: '' }, { ...quick, signal, life })),
      );

      expect(life.openCalls).toBe(0);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });

    it('ends its calls as an aborted signal does, those that come later at once', async () => {
      const server = await serveWaiting();
      const caller = await connect();
      const life = new CallLife();
      const call = caller.callTool(echo, { text: '' }, { ...quick, life });
      await vi.waitFor(() => expect(server.load.answering).toBe(1));

      life.cancel();

      await expect(call).rejects.toMatchObject({ code: 'cancelled' });
      await expect(caller.callTool(echo, { text: '' }, { ...quick, life })).rejects.toMatchObject({
        code: 'cancelled',
      });
      await vi.waitFor(() => expect(server.load.answering).toBe(0));
    });
  });

  describe(`the bus over ${name}: drain`, () => {
    it('lets handlers answer with what there is while new calls go to the other replica', async () => {
      const leaving = await connect();
      leaving.serve(echo, async ({ text }, { draining }) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        draining.addEventListener('abort', () => resolve(), { once: true });
        await promise;
        return { text, by: 'leaving' };
      });
      await settle(leaving);
      const caller = await connect();
      const waiting = caller.callTool(echo, { text: 'waiting' }, quick);
      await vi.waitFor(() => expect(leaving.load.answering).toBe(1));
      await serveEcho('staying');

      const drained = leaving.drain(5_000);
      const waited = parseResult(await waiting);
      await drained;
      const later = await Promise.all(
        Array.from({ length: 20 }, () => caller.callTool(echo, { text: '' }, quick)),
      );

      expect(waited.structuredContent.by).toBe('leaving');
      expect(new Set(later.map((result) => parseResult(result).structuredContent.by))).toEqual(
        new Set(['staying']),
      );
    });

    it('hands a call over at once when its handler does not finish in time', async () => {
      const leaving = await connect();
      serveAsVictim(leaving);
      await settle(leaving);
      const caller = await connect({ timings: endless });
      const waiting = caller.callTool(hold, {}, { ...quick, ...noEnd, callId: 'handed-over' });
      await vi.waitFor(() => expect(leaving.load.answering).toBe(1));
      const staying = await connect();
      staying.serve(hold, async (_input, { callId }) => ({ call_id: callId }));
      await settle(staying);

      await leaving.drain(50);
      const result = parseResult(await waiting);

      expect(result.structuredContent.call_id).toBe('handed-over');
    });

    it('loses no call of those that arrive while a replica leaves', async () => {
      const leaving = await serveEcho('leaving');
      await serveEcho('staying');
      const caller = await connect();

      const calls = Array.from({ length: 200 }, () => caller.callTool(echo, { text: '' }, quick));
      await leaving.drain(2_000);
      await leaving.close();
      const more = Array.from({ length: 50 }, () => caller.callTool(echo, { text: '' }, quick));

      const results = await Promise.all([...calls, ...more]);
      expect(results).toHaveLength(250);
    });
  });

  describe(`the bus over ${name}: events and malformed messages`, () => {
    it('brings an event to every subscriber', async () => {
      const first = await connect();
      const second = await connect();
      const heard: string[] = [];
      first.on(happened, ({ n }) => heard.push(`first ${n}`));
      second.on(happened, ({ n }) => heard.push(`second ${n}`));
      second.on(happened, ({ n }) => heard.push(`third ${n}`));
      await Promise.all([settle(first), settle(second)]);

      first.publish(happened, { n: 1 });

      await vi.waitFor(() => expect(heard.sort()).toEqual(['first 1', 'second 1', 'third 1']));
    });

    it('brings no event after unsubscribing', async () => {
      const bus = await connect();
      const heard: number[] = [];
      const subscription = bus.on(happened, ({ n }) => heard.push(n));
      await settle(bus);

      subscription.unsubscribe();
      await settle(bus);
      bus.publish(happened, { n: 1 });
      await settle(bus);

      expect(heard).toEqual([]);
    });

    it('reports a malformed event and a listener that throws, and hears the next event', async () => {
      const bus = await connect();
      const heard: number[] = [];
      bus.on(happened, ({ n }) => {
        if (n === 1) throw new Error('listener broke');
        heard.push(n);
      });
      await settle(bus);
      const raw = await rawTransport();

      for (const data of ['{not json', '{"n":"one"}', '{"n":1}', '{"n":2}']) {
        raw.publish({ subject: happened.subject, data });
      }

      await vi.waitFor(() => expect(heard).toEqual([2]));
      expect(internalErrors).toHaveLength(3);
    });

    it('survives frames that are none and takes the result that follows', async () => {
      const raw = await rawTransport();
      raw.subscribe(echo.operation.subject, ({ reply = '' }) => {
        for (const data of [
          '',
          '?',
          'P',
          'Pnot json',
          'Pnull',
          'H',
          'H1,x,,',
          'R{"ok":true}',
          'R{"late":true}',
        ]) {
          raw.publish({ subject: reply, data });
        }
      });
      await raw.flush();
      const caller = await connect();

      const json = await caller.callTool(echo, { text: '' }, quick);

      expect(json).toBe('{"ok":true}');
    });

    it('turns an error frame that cannot be read into an internal error', async () => {
      const raw = await rawTransport();
      raw.subscribe(echo.operation.subject, ({ reply = '' }) =>
        raw.publish({ subject: reply, data: 'E{"code":' }),
      );
      await raw.flush();
      const caller = await connect();

      const error = await failureOf(caller.callTool(echo, { text: '' }, quick));

      expect(error.code).toBe('internal');
    });

    it.each([
      ['no envelope', {}],
      ['an envelope that is no JSON', { [callHeader]: '{' }],
      ['a principal without a subject', headersOf({ principal: { kind: 'local' } })],
    ])('answers a call with %s by an error', async (_case, headers) => {
      await serveEcho();
      const raw = await rawTransport();
      const frames: string[] = [];
      raw.subscribe('inbox.raw.*', ({ data }) => frames.push(data));
      await raw.flush();

      raw.publish({ subject: echo.operation.subject, data: '{"text":"x"}', reply: 'inbox.raw.1', headers });

      await vi.waitFor(() => expect(frames).toEqual([expect.stringMatching(/^E\{"code":"internal"/)]));
    });

    it('answers a tool call that is no JSON by an error result', async () => {
      await serveEcho();
      const raw = await rawTransport();
      const frames: string[] = [];
      raw.subscribe('inbox.raw.*', ({ data }) => frames.push(data));
      await raw.flush();

      const headers = headersOf({ tool: echo.id });
      raw.publish({ subject: echo.operation.subject, data: '{', reply: 'inbox.raw.1', headers });

      await vi.waitFor(() => expect(frames).toEqual([expect.stringMatching(/^R.*"isError":true/)]));
    });
  });
}

const rawCall = {
  subject: hold.operation.subject,
  data: '{}',
  headers: headersOf({}),
};

function headersOf(fields: object): Record<string, string> {
  const envelope = { timeout_ms: 30_000, id: 'raw', principal: localPrincipal, ...fields };
  return { [callHeader]: JSON.stringify(envelope) };
}

function parseResult(json: string): ToolResult {
  // as: what a responder of this suite just answered.
  return JSON.parse(json) as ToolResult;
}

async function failureOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw new Error(`expected an AppError, got ${String(error)}`);
}

function isAbout(expected: number): (value: unknown) => boolean {
  return (value) => typeof value === 'number' && value <= expected && value > expected - 2_000;
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
