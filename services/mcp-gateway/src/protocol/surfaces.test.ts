import { metaKeys } from '@inferry/mcp';
import { serveTestSurface, type TestSurface } from '@inferry/mcp/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { modern, post, rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
let one: TestSurface;
beforeEach(async () => {
  gateway = await startTestGateway({
    env: { MCP_SURFACES: 'one,two,away' },
    serve(services) {
      one = serveTestSurface(services, { service: 'one' });
      serveTestSurface(services, { service: 'two', prefix: 'other://' });
    },
  });
});
afterEach(() => gateway.close());

async function ask(method: string, params: Record<string, unknown> = {}) {
  const { body, headers } = modern(method, params);
  const named = typeof params.uri === 'string' ? { 'mcp-name': params.uri } : {};
  const { json } = await post(gateway.url, body, { ...headers, ...named });
  return json;
}

async function askLegacy(method: string, params: Record<string, unknown> = {}) {
  const { json } = await post(gateway.url, rpc(method, params), { 'mcp-protocol-version': '2025-06-18' });
  return json;
}

test.each(['a\u0000b', 'a\ud800b'])('%j is refused by name before a service is asked', async (text) => {
  await ask('prompts/list');
  const refused = { code: -32_602, data: { code: 'validation_failed' } };
  const ref = { type: 'ref/prompt', name: 'greet' };

  const answers = await Promise.all([
    askLegacy('resources/read', { uri: `test://${text}` }),
    askLegacy('prompts/get', { name: 'greet', arguments: { who: text } }),
    askLegacy('resources/list', { cursor: text }),
    askLegacy('completion/complete', { ref, argument: { name: 'who', value: text } }),
    askLegacy('completion/complete', { ref, argument: { name: 'who', value: 'x' }, context: { [text]: {} } }),
  ]);

  for (const { error } of answers) {
    expect(error).toMatchObject(refused);
    expect(error.message).toMatch(/^params.* cannot be stored\.$/);
  }
  // What it offers is asked for by the clock.
  expect(one.asked.filter((verb) => verb !== 'describe')).toEqual([]);
});

test('legacy clients hear that what they subscribe to is not there', async () => {
  const known = await askLegacy('resources/subscribe', { uri: 'test://a' });
  const unknown = await askLegacy('resources/subscribe', { uri: 'test://nothing' });

  expect(known.result).toEqual({});
  expect(unknown.error).toMatchObject({ code: -32_002, data: { code: 'resource_not_found' } });
});

test.each([
  ['run_models', 'run_model'],
  ['list_model', 'list_runs'],
  ['search', 'search_models'],
])('a tool that is not there is named, and one that is meant: %s', async (name, near) => {
  const { error } = await askLegacy('tools/call', { name, arguments: {} });

  expect(error.data.code).toBe('tool_not_available');
  expect(error.message).toContain(`There is no tool ${name} here. Did you mean ${near}?`);
});

describe('prompts', () => {
  test('take null for an argument that is not given', async () => {
    const { result } = await askLegacy('prompts/get', { name: 'greet', arguments: { who: null } });

    expect(result.messages[0].content.text).toBe('Hello ');
  });

  test('are listed without a message to the services [RF-43]', async () => {
    await ask('prompts/list');
    const before = one.asked.length;

    for (let times = 1; times < 20; times++) await ask('prompts/list');
    const { result } = await ask('prompts/list');

    expect(result.prompts).toEqual([{ name: 'greet', arguments: [{ name: 'who', required: true }] }]);
    // By its clock it asks now and then.
    expect(one.asked.length).toBeLessThan(before + 20);
  });

  test('are an empty list when no service can be asked, and soon asked for again [RF-74]', async () => {
    const alone = await startTestGateway({ env: { MCP_SURFACES: 'away' } });
    const { body, headers } = modern('prompts/list');

    const { json } = await post(alone.url, body, headers);

    expect(json.result).toMatchObject({ prompts: [], ttlMs: 0, cacheScope: 'private' });
    await alone.close();
  });

  test('follow what the service offers [RF-45]', async () => {
    await ask('prompts/list');

    one.change([{ name: 'bye' }]);

    await vi.waitFor(async () => {
      const { result } = await ask('prompts/list');
      expect(result.prompts.map(({ name }: { name: string }) => name)).toEqual(['bye', 'greet']);
    });
  });

  test('are filled in by their service', async () => {
    const { result } = await ask('prompts/get', { name: 'greet', arguments: { who: 'Ada' } });

    expect(result).toMatchObject({
      resultType: 'complete',
      messages: [{ role: 'user', content: { type: 'text', text: 'Hello Ada' } }],
    });
  });

  test('answer -32602 under a name that nobody has', async () => {
    const { error } = await ask('prompts/get', { name: 'nothing' });

    expect(error).toMatchObject({ code: -32_602, data: { code: 'prompt_not_found' } });
  });

  test('refuse arguments that are no texts', async () => {
    const { error } = await ask('prompts/get', { name: 'greet', arguments: { who: 1 } });

    expect(error).toMatchObject({ code: -32_602, data: { code: 'validation_failed' } });
  });
});

describe('resources', () => {
  test('are listed page by page over all services', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { result } = await ask('resources/list', cursor === undefined ? {} : { cursor });
      seen.push(...result.resources.map(({ uri }: { uri: string }) => uri));
      cursor = result.nextCursor;
    } while (cursor !== undefined);

    expect(seen).toEqual(['test://a', 'test://b', 'test://c', 'other://a', 'other://b', 'other://c']);
  });

  test.each(['nonsense', Buffer.from('{"v":1,"s":"nobody"}').toString('base64url'), 7])(
    'refuse the cursor %j',
    async (cursor) => {
      const { error } = await ask('resources/list', { cursor });

      expect(error).toMatchObject({ code: -32_602, data: { code: 'invalid_cursor' } });
    },
  );

  test('are read where their prefix says, and say how long they keep', async () => {
    const { result } = await ask('resources/read', { uri: 'other://b' });

    expect(result).toMatchObject({
      ttlMs: 7_000,
      cacheScope: 'private',
      contents: [{ uri: 'other://b', text: 'text of other://b' }],
    });
  });

  test.each(['test://nothing', 'nobody://x'])('answer -32602 with the URI for %s', async (uri) => {
    const { error } = await ask('resources/read', { uri });

    expect(error).toMatchObject({ code: -32_602, data: { code: 'resource_not_found', uri } });
  });

  test('answer -32002 in the legacy era, which defines it', async () => {
    const { error } = await askLegacy('resources/read', { uri: 'test://nothing' });

    expect(error).toMatchObject({ code: -32_002, data: { uri: 'test://nothing' } });
  });

  test('have templates', async () => {
    const { result } = await askLegacy('resources/templates/list');

    expect(result).toEqual({
      resourceTemplates: [
        { uriTemplate: 'test://{id}', name: 'things' },
        { uriTemplate: 'other://{id}', name: 'things' },
      ],
    });
  });
});

describe('completion', () => {
  test.each([
    { type: 'ref/prompt', name: 'greet' },
    { type: 'ref/resource', uri: 'other://{id}' },
  ])('is asked of the service that has the %j', async (ref) => {
    const { result } = await askLegacy('completion/complete', { ref, argument: { name: 'x', value: 'v' } });

    expect(result).toEqual({ completion: { values: ['v-1', 'v-2'], total: 2, hasMore: false } });
  });

  test.each([
    {},
    { ref: { type: 'ref/prompt', name: 'nobody' }, argument: { name: 'x', value: '' } },
    { ref: { type: 'ref/resource', uri: 'x://{y}' }, argument: { name: 'x', value: '' } },
    { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'x' } },
  ])('refuses %j', async (params) => {
    const { error } = await ask('completion/complete', params);

    expect(error.code).toBe(-32_602);
  });

  test.each([
    [{ type: 'ref/prompt', name: 'nobody' }, 'Call prompts/list for what there is.'],
    [{ type: 'ref/resource', uri: 'x://{y}' }, 'Call resources/templates/list for what there is.'],
  ])('says where there is something instead of %j', async (ref, next) => {
    const { error } = await ask('completion/complete', { ref, argument: { name: 'x', value: '' } });

    expect(error.data).toMatchObject({ next_action: next });
  });
});

describe('what a client is told at the start', () => {
  test('has what streams of changes there are in the modern era alone', async () => {
    const { result: discovered } = await ask('server/discover');
    const { result: initialized } = await askLegacy('initialize', { protocolVersion: '2025-11-25' });

    expect(discovered.capabilities).toMatchObject({
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
    });
    expect(initialized.capabilities).toMatchObject({
      prompts: { listChanged: false },
      resources: { listChanged: false },
      completions: {},
      logging: {},
    });
  });

  test.each(['2025-11-25', '2025-06-18', '2025-03-26'])(
    'promises no change of a resource in %s, which has no stream that any replica could tell it on',
    async (protocolVersion) => {
      const { result } = await askLegacy('initialize', { protocolVersion });

      // Some clients subscribe whatever they are told, so it is taken; without `subscribe` it means nothing.
      expect(result.capabilities.resources).toEqual({ listChanged: false });
    },
  );

  test('has the icon of the server, and no later result repeats it', async () => {
    const metaOf = ({ result }: { result: { _meta: Record<string, unknown> } }) =>
      result._meta[metaKeys.serverInfo];
    const { result: current } = await askLegacy('initialize', { protocolVersion: '2025-11-25' });
    const { result: older } = await askLegacy('initialize', { protocolVersion: '2025-06-18' });

    expect(metaOf(await ask('server/discover'))).toMatchObject({ icons: [{ mimeType: 'image/svg+xml' }] });
    expect(current.serverInfo.icons).toHaveLength(1);
    expect(older.serverInfo.icons).toBeUndefined();
    expect(metaOf(await ask('prompts/list'))).not.toHaveProperty('icons');
  });

  test('sets a log level, which exists, in the legacy era', async () => {
    expect((await askLegacy('logging/setLevel', { level: 'info' })).result).toEqual({});
    expect((await askLegacy('logging/setLevel', { level: 'loud' })).error.code).toBe(-32_602);
    expect((await ask('logging/setLevel', { level: 'info' })).error.code).toBe(-32_601);
  });
});
