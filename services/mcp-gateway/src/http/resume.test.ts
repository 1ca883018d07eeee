import { setTimeout as delay } from 'node:timers/promises';
import { createInProcessTransport, type HandlerContext } from '@inferry/bus';
import { continueRun, getRun, type JsonObject, runModel, Secret, type WaitBudget } from '@inferry/contracts';
import { another } from '@inferry/testing';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  acceptStream,
  callOf,
  framesOf,
  modern,
  post,
  rpc,
  serveTool,
  startTestGateway,
  type TestGateway,
  toAnswer,
} from '../test-gateway.ts';

const run = { run_id: 'run_1', status: 'succeeded' };
const input = { model: 'local/echo', input: {}, wait_seconds: 40 };

let first: TestGateway;
let second: TestGateway;
let isHeld: PromiseWithResolvers<void>;
let started: number;
let waiting: HandlerContext | undefined;
let old: TestGateway | undefined;
let shared: Parameters<typeof startTestGateway>[0] & object;
let continued: JsonObject[];
let budgets: WaitBudget[];

beforeEach(async () => {
  isHeld = Promise.withResolvers();
  started = 0;
  waiting = undefined;
  continued = [];
  budgets = [];
  const transport = createInProcessTransport();
  shared = {
    transport,
    sessionSecret: new Secret('a secret of both replicas'),
    timings: { lazyOpenMs: 20, idleMs: 20, tickMs: 10 },
  };
  first = await startTestGateway({
    ...shared,
    serve(services) {
      serveTool(services, runModel, async (_args, context) => {
        const { progress } = context;
        started += 1;
        waiting = context;
        progress({ progress: 0, message: 'queued', data: { run_id: 'run_1' } });
        progress({ progress: 0.4, message: 'running', data: { run_id: 'run_1' } });
        await isHeld.promise;
        return { run };
      });
      serveTool(services, continueRun, async (args, { progress, wait }) => {
        continued.push(args);
        budgets.push(wait);
        progress({ progress: 0.1, message: 'running', data: { run_id: 'run_1' } });
        progress({ progress: 0.7, message: 'running', data: { run_id: 'run_1' } });
        return { run };
      });
      serveTool(services, getRun, async (args, { progress }) => {
        progress({ progress: 0.2, data: { run_id: 'run_1' } });
        if (args.max_chars === 500 && started === 0) {
          started += 1;
          await isHeld.promise;
        }
        return { run: { ...run, metadata: { asked: JSON.stringify(args) } } };
      });
    },
  });
  second = await startTestGateway(shared);
});
afterEach(async () => {
  isHeld.resolve();
  await Promise.all([first.close(), second.close(), old?.close()]);
  old = undefined;
});

/** A replica that ends streams before they are old. */
async function startOld(): Promise<string> {
  old = await startTestGateway({ ...shared, timings: { ...shared.timings, maxAgeMs: 200 } });
  return old.url;
}

async function begin(version = '2025-11-25'): Promise<Record<string, string>> {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 'claude-code' } };
  const { headers } = await post(first.url, rpc('initialize', params));
  return { 'mcp-session-id': headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': version };
}

/** Calls on the first replica and breaks the connection once `until` has come; what came is the answer. */
async function breakOff(
  body: JsonObject,
  headers: Record<string, string>,
  until: string,
): Promise<{ text: string; lastId: string }> {
  const abort = new AbortController();
  const response = await fetch(first.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...acceptStream, ...headers },
    body: JSON.stringify(body),
    signal: abort.signal,
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes(until)) break;
  }
  abort.abort();
  return { text, lastId: [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '' };
}

function goOn(lastId: string, headers: Record<string, string>, url = second.url) {
  return fetch(url, {
    headers: { accept: 'text/event-stream', 'last-event-id': lastId, ...headers },
  }).then(toAnswer);
}

const follow = callOf('run_model', input, { progressToken: 'p' });

describe('a stream that broke, of the legacy era (MCP 2025-11-25, resumability)', () => {
  test.each(['2025-11-25', '2025-06-18', '2025-03-26'])(
    'goes on at another replica: progress that grows, then the answer (%s)',
    async (version) => {
      const session = await begin(version);
      const { lastId } = await breakOff(follow, session, '"progress":0.4');

      const answer = await goOn(lastId, session);

      expect(answer.headers.get('content-type')).toBe('text/event-stream');
      const frames = framesOf(answer.text);
      const shown = frames.slice(0, -1).map(({ params }) => (params as { progress: number }).progress);
      expect(shown[0]).toBeGreaterThan(0.4);
      expect(shown.at(-1)).toBe(0.7);
      // While nothing comes in time, the gateway itself says that it goes on.
      const told = frames.filter((frame) => !JSON.stringify(frame).includes('Still running.'));
      expect(told[0]).toMatchObject({ params: { progressToken: 'p', message: 'running' } });
      expect(frames.at(-1)).toMatchObject({ id: 1, result: { content: [{ type: 'text' }] } });
      expect(continued).toEqual([{ run_id: 'run_1', wait_seconds: 40 }]);
      expect(started).toBe(1);
    },
  );

  test('has waited already: the patience of its client began with the call', async () => {
    const session = await begin();
    const { lastId } = await breakOff(follow, session, '"progress":0.4');
    await delay(50);

    await goOn(lastId, session);

    expect(budgets[0]?.maxSeconds).toBeLessThan(600 - 0.05);
    expect(budgets[0]?.maxSeconds).toBeGreaterThan(590);
  });

  test('breaks again and goes on again', async () => {
    const session = await begin();
    const { lastId } = await breakOff(follow, session, '"progress":0.4');
    const again = (await goOn(lastId, session)).text.matchAll(/^id: (.*)$/gm);

    const answer = await goOn([...again].at(-1)?.[1] ?? '', session, first.url);

    expect(framesOf(answer.text).at(-1)).toMatchObject({ id: 1, result: { structuredContent: { run } } });
    expect(started).toBe(1);
  });

  test('without a progress token has an id as soon as it is a stream', async () => {
    const session = await begin();
    const { text, lastId } = await breakOff(callOf('run_model', input), session, 'id: ');

    const answer = await goOn(lastId, session);

    expect(framesOf(text.replace(/^data: $/gm, ''))).toEqual([]);
    expect(framesOf(answer.text.replace(/^data: $/gm, '')).at(-1)).toMatchObject({
      id: 1,
      result: { structuredContent: { run } },
    });
  });

  test('without a progress token has none in revisions that know no events without content', async () => {
    const session = await begin('2025-06-18');
    const { text } = await breakOff(callOf('run_model', input), session, ': keep-alive');

    expect(text).not.toContain('id: ');
  });

  test('of get_run is the same call again', async () => {
    const session = await begin();
    const args = { run_id: 'run_1', wait_seconds: 30, max_chars: 500 };
    const { lastId } = await breakOff(
      callOf('get_run', args, { progressToken: 1 }),
      session,
      '"progress":0.2',
    );

    const answer = await goOn(lastId, session);

    expect(framesOf(answer.text).at(-1)).toMatchObject({
      result: { structuredContent: { run: { metadata: { asked: JSON.stringify(args) } } } },
    });
  });

  test('is found by a notification that cancels the request, under its old id', async () => {
    const session = await begin();
    const get = callOf('get_run', { run_id: 'run_1', max_chars: 500 }, { progressToken: 1 });
    const { lastId } = await breakOff(get, session, '"progress":0.2');
    started = 0;
    const going = goOn(lastId, session);
    await expect.poll(() => started).toBe(1);

    await post(
      first.url,
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
      session,
    );

    expect(framesOf((await going).text).filter((frame) => 'result' in frame)).toEqual([]);
  });
});

describe('a stream that is old (SEP-1699)', () => {
  test.each([
    ['that shows progress', follow],
    ['that says nothing', callOf('run_model', input)],
  ])('%s is ended in good order, and its client told when to fetch the rest', async (_what, body) => {
    const url = await startOld();
    const session = await begin();

    const { text } = await post(url, body, { ...acceptStream, ...session });

    expect(text).toMatch(/\n\nretry: 1000\n\n$/);
    expect(text).not.toContain('"result"');
    await expect.poll(() => waiting?.signal.aborted).toBe(true);
    const lastId = [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
    const rest = await goOn(lastId, session);
    const frames = framesOf(rest.text.replace(/^data: $/gm, ''));
    expect(frames.at(-1)).toMatchObject({ id: 1, result: { structuredContent: { run } } });
    expect(started).toBe(1);
  });

  test('goes on where its rest cannot be fetched', async () => {
    const url = await startOld();
    const { body, headers } = modern('tools/call', { name: 'run_model', arguments: input });
    const answering = post(url, body, { ...headers, ...acceptStream });
    await delay(500);
    isHeld.resolve();

    expect(framesOf((await answering).text)).toMatchObject([{ result: { structuredContent: { run } } }]);
  });

  test.each([
    [
      'v2',
      () => new Client({ name: 'claude-code', version: '1' }, { versionNegotiation: { mode: 'legacy' } }),
    ],
    ['v1', () => new OldClient({ name: 'claude-code', version: '1' })],
  ])('is whole again in the hands of the SDK %s', async (version, create) => {
    const url = new URL(await startOld());
    const client = create();
    const transport = version === 'v2' ? new StreamableHTTPClientTransport(url) : new OldTransport(url);
    // as: both SDKs' own transports; the optional fields of the older one are typed without `undefined`.
    await client.connect(transport as StreamableHTTPClientTransport & Parameters<OldClient['connect']>[0]);

    const result = await client.callTool({ name: 'run_model', arguments: input });

    expect(result.structuredContent).toEqual({ run });
    expect([started, continued.length]).toEqual([1, 1]);
    await client.close();
  });
});

describe('an id of an event', () => {
  const refused = { code: -32_602, data: { code: 'stream_not_found' } };

  test.each([
    ['that is made up', (id: string) => id.replace(/(?<=^.{20})./, another)],
    [
      'of a session token',
      (_id: string, session: Record<string, string>) => String(session['mcp-session-id']),
    ],
  ])('%s is refused', async (_what, forge) => {
    const session = await begin();
    const { lastId } = await breakOff(follow, session, '"progress":0.4');

    const { status, json } = await goOn(forge(lastId, session), session);

    expect(status).toBe(404);
    expect(json.error).toMatchObject({ data: refused.data });
    expect(continued).toEqual([]);
  });

  test('that is empty is none: a GET without one is not served', async () => {
    const session = await begin();

    expect(await goOn(' ', session)).toMatchObject({ status: 405 });
  });

  test('of another session is refused', async () => {
    const { lastId } = await breakOff(follow, await begin(), '"progress":0.4');

    expect(await goOn(lastId, await begin())).toMatchObject({ status: 404 });
    expect(continued).toEqual([]);
  });

  test('opens no tool that the request does not have', async () => {
    const session = await begin();
    const { lastId } = await breakOff(follow, session, '"progress":0.4');

    const answer = await goOn(lastId, { ...session, 'x-mcp-readonly': 'true' });

    expect(answer.text).toContain('tool_not_available');
    expect(continued).toEqual([]);
  });

  test('does not exist in the modern era, where a broken stream is a lost request', async () => {
    isHeld.resolve();
    const { body, headers } = modern(
      'tools/call',
      { name: 'run_model', arguments: input },
      { progressToken: 1 },
    );

    const answer = await post(first.url, body, { ...headers, ...acceptStream });

    expect(framesOf(answer.text).length).toBeGreaterThan(1);
    expect(answer.text).not.toContain('id: ');
  });
});

test('GET without the id of an event is answered 405: there is nothing to stream', async () => {
  const answer = await toAnswer(await fetch(first.url, { headers: { accept: 'text/event-stream' } }));

  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});
