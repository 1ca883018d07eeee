import { once } from 'node:events';
import { createInProcessTransport, type Handler } from '@inferry/bus';
import { AppError, getRun, searchModels, type WaitBudget } from '@inferry/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  callOf,
  framesOf,
  modern,
  post,
  sendWithoutReading,
  serveTool,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../test-gateway.ts';

type GetRun = Handler<typeof getRun>;
type Context = Parameters<GetRun>[1];

const stream = { accept: 'application/json, text/event-stream' };
const follow = callOf('get_run', { run_id: 'run_1' }, { progressToken: 'p1' });
const done = { run: { run_id: 'run_1', status: 'succeeded' as const } };

const open: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

async function start(
  handler: (context: Context) => ReturnType<GetRun>,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const gateway = await startTestGateway({
    ...options,
    serve: (services) => services.serve(getRun, (_input, context) => handler(context)),
  });
  open.push(gateway);
  return gateway;
}

/** Resolves when the caller cancels or goes away, as a waiting tool does. */
async function untilAborted({ signal }: Context): Promise<typeof done> {
  await once(signal, 'abort');
  throw new AppError('cancelled', 'The caller is gone.');
}

describe('a call with a progress token', () => {
  test('is a stream of progress that ends with the result', async () => {
    const gateway = await start(async ({ progress }) => {
      progress({ progress: 0.25, message: 'queued' });
      progress({ progress: 0.5 });
      return done;
    });

    const answer = await post(gateway.url, follow, stream);

    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    expect(framesOf(answer.text)).toMatchObject([
      {
        method: 'notifications/progress',
        params: { progressToken: 'p1', progress: 0.25, total: 1, message: 'queued' },
      },
      { params: { progress: 0.5 } },
      { id: 1, result: { structuredContent: done } },
    ]);
  });

  test('flushes its headers before anything happens', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gateway = await start(async () => {
      await promise;
      return done;
    });

    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...stream },
      body: JSON.stringify(follow),
    });

    expect(response.status).toBe(200);
    resolve();
    expect(await response.text()).toContain('run_1');
  });

  test('hears something while the service is silent, and the value only grows', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gateway = await start(
      async ({ progress }) => {
        progress({ progress: 0.5, message: 'working' });
        await promise;
        return done;
      },
      { timings: { idleMs: 30, tickMs: 10 } },
    );
    setTimeout(resolve, 300);

    const answer = await post(gateway.url, follow, stream);

    const values = framesOf(answer.text)
      .map((frame) => frame.params as { progress: number } | undefined)
      .filter((params) => params !== undefined)
      .map(({ progress }) => progress);
    expect(values.length).toBeGreaterThan(2);
    expect(values).toEqual([...new Set(values)].sort((a, b) => a - b));
  });

  test('is answered in JSON when the client takes no stream', async () => {
    const gateway = await start(async ({ progress }) => {
      progress({ progress: 0.5 });
      return done;
    });

    const answer = await post(gateway.url, follow, { accept: 'application/json' });

    expect(answer.json.result.structuredContent).toEqual(done);
  });

  test('keeps the progress of concurrent calls apart', async () => {
    const gateway = await startTestGateway({
      serve: (services) =>
        serveTool(services, getRun, async ({ run_id: runId }, { progress }) => {
          for (let step = 1; step <= 5; step += 1) progress({ progress: step / 10, message: String(runId) });
          return { run: { run_id: runId, status: 'succeeded' } };
        }),
    });
    open.push(gateway);

    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        post(gateway.url, callOf('get_run', { run_id: `run_${n}` }, { progressToken: n }), stream),
      ),
    );

    for (const [n, answer] of answers.entries()) {
      const frames = framesOf(answer.text);
      expect(frames).toHaveLength(6);
      for (const { params } of frames.slice(0, -1)) {
        expect(params).toMatchObject({ progressToken: n, message: `run_${n}` });
      }
    }
  });
});

describe('a long call without a progress token', () => {
  test('becomes a stream of comments before anybody loses patience', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gateway = await start(
      async () => {
        await promise;
        return done;
      },
      { timings: { lazyOpenMs: 30, idleMs: 30, tickMs: 10 } },
    );
    setTimeout(resolve, 200);

    const answer = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }), stream);

    expect(answer.text).toContain(': keep-alive');
    expect(framesOf(answer.text)).toMatchObject([{ result: { structuredContent: done } }]);
  });

  test('is plain JSON when it is quick', async () => {
    const gateway = await start(async () => done);

    const answer = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }), stream);

    expect(answer.json.result.structuredContent).toEqual(done);
  });
});

describe('how long a call may wait', () => {
  const silent = callOf('get_run', { run_id: 'run_1' });
  const codex = { ...stream, 'user-agent': 'codex/1.0' };

  test.each([
    { what: '45 s without a progress token', body: silent, headers: stream, maxSeconds: 45 },
    { what: 'the ceiling with one', body: follow, headers: stream, maxSeconds: 600 },
    { what: '45 s with one that cannot be followed', body: follow, headers: {}, maxSeconds: 45 },
    { what: 'less for a client known to give up', body: follow, headers: codex, maxSeconds: 50 },
  ])('is $what', async ({ body, headers, maxSeconds }) => {
    const seen: WaitBudget[] = [];
    const gateway = await start(async ({ wait }) => {
      seen.push(wait);
      return done;
    });

    await post(gateway.url, body, headers);

    expect(seen).toMatchObject([{ maxSeconds }]);
  });

  test('follows the name in the envelope of the modern era', async () => {
    const seen: WaitBudget[] = [];
    const gateway = await start(async ({ wait }) => {
      seen.push(wait);
      return done;
    });
    const meta = { progressToken: 1, 'io.modelcontextprotocol/clientInfo': { name: 'codex', version: '1' } };
    const { body, headers } = modern('tools/call', { name: 'get_run', arguments: { run_id: 'run_1' } }, meta);

    await post(gateway.url, body, { ...headers, ...stream });

    expect(seen).toMatchObject([{ maxSeconds: 50 }]);
  });
});

describe('a client that goes away', () => {
  test.each(['legacy', 'modern'])('aborts its call in the %s era', async (era) => {
    const signals: AbortSignal[] = [];
    const gateway = await start((context) => {
      signals.push(context.signal);
      return untilAborted(context);
    });
    const request =
      era === 'modern'
        ? modern('tools/call', { name: 'get_run', arguments: { run_id: 'run_1' } }, { progressToken: 1 })
        : { body: follow, headers: {} };
    const abort = new AbortController();
    const sent = fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...stream, ...request.headers },
      body: JSON.stringify(request.body),
      signal: abort.signal,
    });
    await vi.waitFor(() => expect(signals).toHaveLength(1));

    abort.abort();

    await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true));
    await sent.then((response) => response.text()).catch(() => undefined);
  });

  test('without leaving, by never reading, is cut and its call aborted', async () => {
    const signals: AbortSignal[] = [];
    const gateway = await start(
      async (context) => {
        signals.push(context.signal);
        const message = 'x'.repeat(100_000);
        for (let step = 0; !context.signal.aborted; step += 1) {
          context.progress({ progress: step / 1e9, message });
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        throw new AppError('cancelled', 'The caller is gone.');
      },
      { timings: { stallMs: 100, tickMs: 10 } },
    );

    const socket = await sendWithoutReading(gateway.port, follow);

    await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true), { timeout: 10_000 });
    socket.destroy();
  });
});

describe('notifications/cancelled', () => {
  const cancel = {
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 1, reason: 'changed my mind' },
  };

  test('ends the call, which gets no response', async () => {
    const signals: AbortSignal[] = [];
    const gateway = await start((context) => {
      signals.push(context.signal);
      return untilAborted(context);
    });
    const answer = post(gateway.url, follow, stream);
    await vi.waitFor(() => expect(signals).toHaveLength(1));

    const noted = await post(gateway.url, cancel);

    expect(noted.status).toBe(202);
    expect(framesOf((await answer).text)).toEqual([]);
    expect(signals[0]?.aborted).toBe(true);
  });

  test('ends a call that another replica holds', async () => {
    const transport = createInProcessTransport();
    const signals: AbortSignal[] = [];
    const holder = await start(
      (context) => {
        signals.push(context.signal);
        return untilAborted(context);
      },
      { transport },
    );
    const other = await startTestGateway({ transport });
    open.push(other);
    const answer = post(holder.url, follow, stream);
    await vi.waitFor(() => expect(signals).toHaveLength(1));

    await post(other.url, cancel);

    expect(framesOf((await answer).text)).toEqual([]);
  });

  test('ends nothing when two calls bear the name', async () => {
    const releases: (() => void)[] = [];
    const gateway = await start(async () => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return done;
    });
    const answers = [post(gateway.url, follow, stream), post(gateway.url, follow, stream)];
    await vi.waitFor(() => expect(releases).toHaveLength(2));

    await post(gateway.url, cancel);
    for (const release of releases) release();

    for (const answer of await Promise.all(answers)) expect(answer.text).toContain('succeeded');
  });
});

test('200 waits are open at once and all are answered', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  const gateway = await start(async () => {
    waiting += 1;
    await promise;
    return done;
  });
  const answers = Array.from({ length: 200 }, (_, id) => post(gateway.url, { ...follow, id }, stream));
  await vi.waitFor(() => expect(waiting).toBe(200), { timeout: 10_000 });

  resolve();

  const texts = (await Promise.all(answers)).map(({ text }) => text);
  expect(texts.filter((text) => text.includes('succeeded'))).toHaveLength(200);
});

test('one call more than a process may hold is answered 503 busy', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  const gateway = await start(
    async () => {
      waiting += 1;
      await promise;
      return done;
    },
    { env: { MAX_OPEN_CALLS: '1' } },
  );
  const held = post(gateway.url, follow, stream);
  await vi.waitFor(() => expect(waiting).toBe(1));

  const answer = await post(gateway.url, follow, stream);

  expect(answer.status).toBe(503);
  expect(answer.json.error.data.code).toBe('busy');
  resolve();
  await held;
});

describe('a gateway that stops', () => {
  test('is not ready, and lets open waits finish', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let waiting = 0;
    const gateway = await start(async () => {
      waiting += 1;
      await promise;
      return done;
    });
    const answer = post(gateway.url, follow, stream);
    await vi.waitFor(() => expect(waiting).toBe(1));

    const drained = gateway.service.drain(10_000);

    expect(await gateway.service.readiness()).toMatchObject({
      isReady: false,
      problems: { process: 'stopping' },
    });
    resolve();
    expect((await answer).text).toContain('succeeded');
    await drained;
  });

  test('has the services answer with what there is when their bus drains', async () => {
    let waiting = 0;
    const gateway = await start(async ({ draining }) => {
      waiting += 1;
      await once(draining, 'abort');
      return { run: { run_id: 'run_1', status: 'running' } };
    });
    const answer = post(gateway.url, follow, stream);
    await vi.waitFor(() => expect(waiting).toBe(1));

    await gateway.services.drain(5_000);

    expect((await answer).text).toContain('"status":"running"');
  });

  test('hands back what does not finish, with what the agent needs to go on', async () => {
    let waiting = 0;
    const gateway = await start((context) => {
      waiting += 1;
      context.progress({ progress: 0.1, data: { run_id: 'run_1' } });
      return untilAborted(context);
    });
    const answer = post(gateway.url, follow, stream);
    await vi.waitFor(() => expect(waiting).toBe(1));

    await gateway.service.drain(200);

    expect(framesOf((await answer).text).at(-1)).toMatchObject({
      result: {
        isError: true,
        structuredContent: { error: { code: 'unavailable', retryable: true, details: { run_id: 'run_1' } } },
      },
    });
  });

  test('asks clients to connect to another replica', async () => {
    const gateway = await start(async () => done);
    serveTool(gateway.services, searchModels, async () => ({ items: [] }));
    await gateway.service.drain(100);

    const answer = await post(gateway.url, callOf('search_models'));

    expect(answer.headers.get('connection')).toBe('close');
  });
});
