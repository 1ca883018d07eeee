import { once } from 'node:events';
import { createInProcessTransport } from '@inferry/bus';
import { AppError, searchModels } from '@inferry/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  acceptStream,
  callOf,
  framesOf,
  type GetRunContext,
  modern,
  post,
  sendWithoutReading,
  serveTool,
  startTestGateway,
  startWithGetRun,
  succeeded,
  type TestGateway,
} from '../test-gateway.ts';

const stream = acceptStream;
/** It waits for as long as its client can, however long a busy machine takes. */
const follow = callOf('get_run', { run_id: 'run_1', wait_seconds: 600 }, { progressToken: 'p1' });
const done = succeeded;

const open: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

const start = startWithGetRun.bind(undefined, open);

/** Resolves when the caller cancels or goes away, as a waiting tool does. */
async function untilAborted({ signal }: GetRunContext): Promise<typeof done> {
  await once(signal, 'abort');
  throw new AppError('cancelled', 'The caller is gone.');
}

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
    })
      .then((response) => response.text())
      .catch(() => 'aborted');
    await vi.waitFor(() => expect(signals).toHaveLength(1));

    abort.abort();

    await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true));
    expect(await sent).toBe('aborted');
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
  await vi.waitFor(() => expect(waiting).toBe(200), { timeout: 50_000 });

  resolve();

  const texts = (await Promise.all(answers)).map(({ text }) => text);
  expect(texts.filter((text) => !text.includes('succeeded'))).toEqual([]);
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

  test('alone answers open waits with the running run at once, while the services go on', async () => {
    let waiting = 0;
    const gateway = await start(async ({ draining }) => {
      waiting += 1;
      await once(draining, 'abort');
      return { run: { run_id: 'run_1', status: 'running' } };
    });
    const answer = post(gateway.url, follow, stream);
    const batch = post(gateway.url, [callOf('get_run', { run_id: 'run_1' })]);
    await vi.waitFor(() => expect(waiting).toBe(2));

    // Its grace is longer than this test may last.
    await gateway.service.drain(600_000);

    expect(framesOf((await answer).text).at(-1)).toMatchObject({
      result: { structuredContent: { run: { run_id: 'run_1', status: 'running' } } },
    });
    expect((await batch).text).toContain('"status":"running"');
  });

  test('answers a wait that begins while it stops at once', async () => {
    const gateway = await start(async ({ draining }) => {
      if (!draining.aborted) await once(draining, 'abort');
      return { run: { run_id: 'run_1', status: 'running' } };
    });
    await gateway.service.drain(100);

    const answer = await post(gateway.url, follow, stream);

    expect(answer.text).toContain('"status":"running"');
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
