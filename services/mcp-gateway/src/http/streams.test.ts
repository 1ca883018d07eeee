import { getRun, type JsonObject, type WaitBudget } from '@inferry/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  acceptStream,
  callOf,
  followRun,
  framesOf,
  modern,
  post,
  serveTool,
  startTestGateway,
  startWithGetRun,
  succeeded,
  type TestGateway,
} from '../test-gateway.ts';

const stream = acceptStream;
const follow = followRun;
const done = succeeded;

const open: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

const start = startWithGetRun.bind(undefined, open);

/** The whole answer to a call that ends by `end`, which is called once so much of the answer has come. */
async function answerEnded(
  url: string,
  body: JsonObject,
  { until, end }: { until: RegExp; end(): void },
): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...stream },
    body: JSON.stringify(body),
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (until.test(text)) end();
  }
  return text;
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

  test('leaves in one piece when all of it comes at once, and as it comes otherwise', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = await start(async ({ progress }) => {
      progress({ progress: 0.5 });
      await promise;
      return done;
    });
    const at = { timings: { gatherMs: 60_000 } };
    const quick = await start(async ({ progress }) => {
      progress({ progress: 0.5 });
      return done;
    }, at);

    // At once is within a few milliseconds, which a busy machine does not have each time.
    const whole = await vi.waitFor(async () => {
      const answer = await post(quick.url, follow, stream);
      expect(Number(answer.headers.get('content-length'))).toBe(Buffer.byteLength(answer.text));
      return answer;
    });
    const pieces = await answerEnded(slow.url, follow, { until: /"progress":0\.5/, end: resolve });

    expect(framesOf(whole.text)).toEqual(framesOf(pieces));
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

    const text = await answerEnded(gateway.url, follow, { until: /("progress":.*){4}/s, end: resolve });

    const values = framesOf(text)
      .map((frame) => frame.params as { progress: number } | undefined)
      .filter((params) => params !== undefined)
      .map(({ progress }) => progress);
    expect(values.length).toBeGreaterThan(3);
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

    const silent = callOf('get_run', { run_id: 'run_1' });
    const text = await answerEnded(gateway.url, silent, { until: /: keep-alive/, end: resolve });

    expect(framesOf(text)).toMatchObject([{ result: { structuredContent: done } }]);
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
