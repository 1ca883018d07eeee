import { AppError, getRun, searchModels } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callOf, modern, post, rpc, serveTool, startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway({
    serve(services) {
      serveTool(services, searchModels, async ({ query }) => {
        if (query === 'fail') throw new AppError('catalog_fetch_failed', 'The catalog cannot be reached.');
        return { items: [{ model: 'local/flux', summary: String(query) }] };
      });
    },
  });
});
afterEach(() => gateway.close());

describe('the legacy era', () => {
  test('answers initialize without an Accept header with its name and instructions [MR-56]', async () => {
    const answer = await post(
      gateway.url,
      rpc('initialize', { protocolVersion: '2025-06-18', capabilities: {} }),
    );

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]{100,500}$/);
    expect(answer.json.result).toMatchObject({
      protocolVersion: '2025-06-18',
      serverInfo: { name: 'inferry' },
      instructions: expect.any(String),
    });
  });

  test('answers a call without initialize and session with text and structure [X13]', async () => {
    const answer = await post(gateway.url, callOf('search_models', { query: 'cats', limit: 5 }));

    expect(answer.json.result.content[0].text).toContain('local/flux');
    expect(answer.json.result.structuredContent.items).toHaveLength(1);
  });

  test.each(['*/*', 'application/json', 'text/html', 'application/json, text/event-stream'])(
    'answers a quick call in JSON when Accept is %s [X5]',
    async (accept) => {
      const answer = await post(gateway.url, callOf('search_models'), { accept });

      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json');
    },
  );

  test('answers MCP at the bare origin too [X2]', async () => {
    const answer = await post(new URL('/', gateway.url).href, rpc('ping'));

    expect(answer.json).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
  });

  test.each([
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2024-11-05', '2024-11-05'],
    ['2023-01-01', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
  ])('initialize at %s agrees on %s [RF-03]', async (protocolVersion, agreed) => {
    const answer = await post(gateway.url, rpc('initialize', { protocolVersion }));

    expect(answer.json.result.protocolVersion).toBe(agreed);
  });

  test('takes notifications with 202 and no body', async () => {
    const answer = await post(gateway.url, { jsonrpc: '2.0', method: 'notifications/initialized' });

    expect(answer).toMatchObject({ status: 202, text: '' });
  });

  test('answers an unknown method in band with -32601', async () => {
    const answer = await post(gateway.url, rpc('nothing/here', {}, 'a"b'));

    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      id: 'a"b',
      error: { code: -32_601, data: { code: 'method_not_found' } },
    });
  });

  test('answers an unknown tool in band with -32602', async () => {
    const answer = await post(gateway.url, callOf('rm_rf'));

    expect(answer.status).toBe(200);
    expect(answer.json.error).toMatchObject({ code: -32_602, data: { code: 'tool_not_available' } });
  });

  test('refuses a tool that the request has hidden when it is called', async () => {
    const answer = await post(`${gateway.url}?exclude=search_models`, callOf('search_models'));

    expect(answer.json.error).toMatchObject({ code: -32_602, data: { code: 'tool_not_available' } });
  });

  test('answers a cursor that was never handed out with -32602', async () => {
    const answer = await post(gateway.url, rpc('tools/list', { cursor: 'made-up' }));

    expect(answer.json.error).toMatchObject({ code: -32_602, data: { code: 'invalid_cursor' } });
  });
});

describe('the modern era', () => {
  test('discovers versions, capabilities, instructions and how long to keep them', async () => {
    const { body, headers } = modern('server/discover');

    const answer = await post(gateway.url, body, headers);

    expect(answer.json.result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: { listChanged: false } },
      instructions: expect.any(String),
      ttlMs: 300_000,
      cacheScope: 'public',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'inferry' } },
    });
  });

  test('lists tools for no shared cache', async () => {
    const { body, headers } = modern('tools/list');

    const answer = await post(gateway.url, body, headers);

    expect(answer.json.result).toMatchObject({
      resultType: 'complete',
      ttlMs: 300_000,
      cacheScope: 'private',
    });
    expect(answer.json.result.tools).toHaveLength(11);
  });

  test('completes a call', async () => {
    const { body, headers } = modern('tools/call', { name: 'search_models', arguments: { query: 'cats' } });

    const answer = await post(gateway.url, body, headers);

    expect(answer.json.result).toMatchObject({
      resultType: 'complete',
      structuredContent: { items: [{ model: 'local/flux', summary: 'cats' }] },
    });
  });

  test.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe'])(
    'answers %s with 404 and -32601',
    async (method) => {
      const { body, headers } = modern(method);

      const answer = await post(gateway.url, body, headers);

      expect(answer.status).toBe(404);
      expect(answer.json.error.code).toBe(-32_601);
    },
  );

  test('answers headers that disagree with 400, -32020 and the id of the request', async () => {
    const { body, headers } = modern('tools/call', { name: 'search_models' });

    const answer = await post(gateway.url, body, { ...headers, 'mcp-name': 'get_run' });

    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ id: 1, error: { code: -32_020, data: { code: 'header_mismatch' } } });
  });
});

describe('a call that fails', () => {
  test('in the service is a result for the agent [RF-60][RF-61][RF-62]', async () => {
    const answer = await post(gateway.url, callOf('search_models', { query: 'fail' }));

    expect(answer.status).toBe(200);
    expect(answer.json.result.isError).toBe(true);
    expect(answer.json.result.content[0].text).toMatch(/^\[catalog_fetch_failed\] /);
    expect(answer.json.result.structuredContent.error).toMatchObject({
      code: 'catalog_fetch_failed',
      retryable: true,
    });
  });

  test('for its arguments is a result that names the field', async () => {
    const answer = await post(gateway.url, callOf('search_models', { limit: 'many' }));

    expect(answer.json.result.structuredContent.error).toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ path: 'limit' }] },
    });
  });

  test('because nobody serves the tool is a result that says when to retry', async () => {
    const answer = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }));

    expect(answer.json.result.structuredContent.error).toMatchObject({
      code: 'unavailable',
      retry_after_seconds: expect.any(Number),
      next_action: expect.any(String),
    });
  });
});

describe('a body', () => {
  test.each(['{', '', 'hello', '\u0000'])('that is %j is answered with -32700', async (body) => {
    const answer = await post(gateway.url, body);

    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ id: null, error: { code: -32_700, data: { code: 'parse_error' } } });
  });

  test('that is no message is answered with -32600', async () => {
    const answer = await post(gateway.url, { hello: 'world' });

    expect(answer).toMatchObject({ status: 400, json: { error: { code: -32_600 } } });
  });
});

describe('a batch', () => {
  test('at 2025-03-26 answers its requests together and notes its notifications', async () => {
    const batch = [
      rpc('ping', {}, 1),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      callOf('search_models'),
    ];

    const answer = await post(gateway.url, batch, { 'mcp-protocol-version': '2025-03-26' });

    expect(answer.json).toMatchObject([
      { id: 1, result: {} },
      { id: 1, result: { content: [{ type: 'text' }] } },
    ]);
  });

  test('of notifications alone is answered 202', async () => {
    const answer = await post(gateway.url, [{ jsonrpc: '2.0', method: 'notifications/initialized' }]);

    expect(answer).toMatchObject({ status: 202, text: '' });
  });

  test('carries the refusal of one request in its place', async () => {
    const answer = await post(gateway.url, [rpc('nothing', {}, 1), rpc('ping', {}, 2)]);

    expect(answer.json).toMatchObject([
      { id: 1, error: { code: -32_601 } },
      { id: 2, result: {} },
    ]);
  });

  test.each([
    ['is empty', [], {}],
    ['is too long', Array.from({ length: 51 }, (_, id) => rpc('ping', {}, id)), {}],
    ['has an initialize', [rpc('initialize')], {}],
    ['has something that is no message', [rpc('ping'), 1], {}],
    ['has a request of the modern era', [modern('tools/list').body], {}],
    ['is sent at a version without batches', [rpc('ping')], { 'mcp-protocol-version': '2025-06-18' }],
  ])('that %s is answered with -32600', async (_case, batch, headers) => {
    const answer = await post(gateway.url, batch, headers);

    expect(answer).toMatchObject({ status: 400, json: { error: { code: -32_600 } } });
  });
});

test('a result reaches the client as the service wrote it', async () => {
  serveTool(gateway.services, getRun, async () => ({ run: { run_id: 'run_1', status: 'running' } }));

  const answer = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }));

  expect(answer.text).toBe(
    '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Run run_1: running"}],' +
      '"structuredContent":{"run":{"run_id":"run_1","status":"running"}}}}',
  );
});
