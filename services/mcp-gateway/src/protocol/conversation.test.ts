import { fileURLToPath } from 'node:url';
import { createInProcessTransport } from '@inferry/bus';
import { InputRequired, isObject, Secret } from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  acceptStream,
  callOf,
  framesOf,
  modern,
  post,
  rpc,
  startTestGateway,
  type TestGateway,
} from '../test-gateway.ts';
import { askName, routed } from './asking.fixture.ts';

const env = { INFERRY_EXTRA_TOOLS: fileURLToPath(new URL('./asking.fixture.ts', import.meta.url)) };
const request = { method: 'elicitation/create', params: { message: 'Your name?' } } as const;

let first: TestGateway;
let second: TestGateway;

beforeEach(async () => {
  const transport = createInProcessTransport();
  const shared = { env, transport, sessionSecret: new Secret('a secret of both replicas') };
  first = await startTestGateway({
    ...shared,
    serve(services) {
      services.serve(askName, async ({ greeting = 'Hello' }, { client }) => {
        const answer = client?.responses.name;
        if (!isObject(answer)) throw new InputRequired({ name: request }, 'asked');
        return { said: `${greeting}, ${String(answer.value)} (${client?.state})` };
      });
      services.serve(routed, async () => ({ said: 'routed' }));
    },
  });
  second = await startTestGateway(shared);
});
afterEach(() => Promise.all([first.close(), second.close()]));

async function begin(capabilities: object): Promise<Record<string, string>> {
  const { headers } = await post(
    first.url,
    rpc('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'test' } }),
  );
  return { 'mcp-session-id': headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' };
}

/** Calls on the first replica; `whenAsked` is told the id of what it asks for. Resolves with the last frame. */
async function call(session: Record<string, string>, whenAsked: (id: unknown) => Promise<unknown>) {
  const response = await fetch(first.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...acceptStream, ...session },
    body: JSON.stringify(callOf('ask_name')),
  });
  let seen = '';
  let isAsked = false;
  for await (const chunk of response.body ?? []) {
    seen += Buffer.from(chunk).toString();
    const asked = framesOf(seen).find(({ method }) => method === 'elicitation/create');
    if (asked === undefined || isAsked) continue;
    isAsked = true;
    await whenAsked(asked.id);
  }
  return framesOf(seen).at(-1);
}

/** Answers on the other replica than the one that asked. */
function answerWith(answer: object, session: Record<string, string>): (id: unknown) => Promise<unknown> {
  return (id) => post(second.url, { jsonrpc: '2.0', id, ...answer }, session);
}

describe('a session of the legacy era', () => {
  test('is taken by a replica that did not issue it', async () => {
    const session = await begin({});

    const answer = await post(second.url, rpc('ping'), session);

    expect(answer).toMatchObject({ status: 200, json: { result: {} } });
  });

  test.each(['made-up', 'a.b', `${'x'.repeat(5_000)}`])(
    'that is not ours is answered 404: %.20s',
    async (token) => {
      const answer = await post(first.url, rpc('ping'), { 'mcp-session-id': token });

      expect(answer).toMatchObject({
        status: 404,
        json: { id: 1, error: { data: { code: 'session_not_found' } } },
      });
    },
  );

  test('that was altered is answered 404', async () => {
    const { 'mcp-session-id': token = '' } = await begin({});
    const [payload = '', signature] = token.split('.');
    const other = Buffer.from(payload, 'base64url').toString().replace('local', 'other');

    const forged = `${Buffer.from(other).toString('base64url')}.${signature}`;
    const answer = await post(first.url, rpc('ping'), { 'mcp-session-id': forged });

    expect(answer.status).toBe(404);
  });

  test('does not stop its client from beginning anew', async () => {
    const answer = await post(first.url, rpc('initialize', { protocolVersion: '2025-11-25' }), {
      'mcp-session-id': 'over',
    });

    expect(answer.status).toBe(200);
  });

  test('is nothing to the modern era', async () => {
    const { body, headers } = modern('server/discover');

    const answer = await post(first.url, body, { ...headers, 'mcp-session-id': 'anything' });

    expect(answer.status).toBe(200);
    expect(answer.headers.has('mcp-session-id')).toBe(false);
  });
});

describe('a tool that asks its client in the legacy era', () => {
  test('asks on its own stream and goes on when the answer reaches another replica', async () => {
    const session = await begin({ elicitation: {} });

    const last = await call(session, answerWith({ result: { value: 'Ada' } }, session));

    expect(last).toMatchObject({ id: 1, result: { structuredContent: { said: 'Hello, Ada (asked)' } } });
  });

  test('is told when the client refuses', async () => {
    const session = await begin({ elicitation: {} });

    const last = await call(session, answerWith({ error: { code: -1, message: 'no' } }, session));

    expect(last).toMatchObject({
      result: { isError: true, structuredContent: { error: { code: 'client_input_missing' } } },
    });
  });

  test.each([{}, { sampling: {} }])(
    'fails with a result when the client declares %j',
    async (capabilities) => {
      const session = await begin(capabilities);

      const { json } = await post(first.url, callOf('ask_name'), { ...acceptStream, ...session });

      expect(json.result).toMatchObject({
        isError: true,
        structuredContent: { error: { code: 'client_capability_missing' } },
      });
    },
  );

  test('fails with a result without a session', async () => {
    const { json } = await post(first.url, callOf('ask_name'));

    expect(json.result.structuredContent.error.code).toBe('client_capability_missing');
  });
});

describe('a tool that asks its client in the modern era', () => {
  const asking = { [metaKeys.clientCapabilities]: { elicitation: {} } };
  const call = (params: object, meta: object = asking, url = first.url) => {
    const { body, headers } = modern('tools/call', { name: 'ask_name', ...params }, { ...meta });
    return post(url, body, headers);
  };

  test('ends with what it needs and goes on, on any replica, when it is called with it', async () => {
    const { json: asked } = await call({});
    const { inputRequests, requestState, resultType } = asked.result;

    const inputResponses = { name: { value: 'Ada' }, more: 1 };
    const { json } = await call({ inputResponses, requestState, arguments: {} }, asking, second.url);

    expect({ inputRequests, resultType }).toEqual({
      inputRequests: { name: request },
      resultType: 'input_required',
    });
    expect(json.result).toMatchObject({
      resultType: 'complete',
      structuredContent: { said: 'Hello, Ada (asked)' },
    });
  });

  test('asks again when the answer is missing', async () => {
    const { json } = await call({ inputResponses: { other: {} } });

    expect(json.result.resultType).toBe('input_required');
  });

  test('answers 400 and -32021 with what must be declared', async () => {
    const answer = await call({}, {});

    expect(answer).toMatchObject({
      status: 400,
      json: { error: { code: -32_021, data: { requiredCapabilities: { elicitation: {} } } } },
    });
  });

  test.each([null, 'text', [1]])('refuses the answers %j', async (inputResponses) => {
    const { json } = await call({ inputResponses });

    expect(json.error.code).toBe(-32_602);
  });

  test('refuses a state that was altered or belongs to other arguments', async () => {
    const { json: asked } = await call({});
    const { requestState } = asked.result;
    const inputResponses = { name: { value: 'Ada' } };

    const altered = await call({ inputResponses, requestState: `${requestState}x` });
    const moved = await call({ inputResponses, requestState, arguments: { greeting: 'Bye' } });

    expect([altered.json.error.code, moved.json.error.code]).toEqual([-32_602, -32_602]);
  });
});

describe('arguments that are repeated in headers', () => {
  const call = (args: object, headers: Record<string, string>) => {
    const made = modern('tools/call', { name: 'routed', arguments: args });
    return post(first.url, made.body, { ...made.headers, ...headers });
  };

  test.each<[object, Record<string, string>]>([
    [{}, {}],
    [{ region: 'eu' }, { 'mcp-param-region': ' eu ' }],
    [{ region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8=?=' }],
    [{ region: 'SGVsbG8=' }, { 'mcp-param-region': 'SGVsbG8=' }],
    [{ size: 7 }, { 'mcp-param-size': '7.0' }],
  ])('are taken when both agree: %j %j', async (args, headers) => {
    expect((await call(args, headers)).status).toBe(200);
  });

  test.each<[object, Record<string, string>]>([
    [{ region: 'eu' }, {}],
    [{ region: 'eu' }, { 'mcp-param-region': 'us' }],
    [{}, { 'mcp-param-region': 'us' }],
    [{ region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8?=' }],
    [{ region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVs!!!bG8=?=' }],
  ])('are refused with -32020 when they do not: %j %j', async (args, headers) => {
    const answer = await call(args, headers);

    expect(answer).toMatchObject({ status: 400, json: { error: { code: -32_020 } } });
  });
});
