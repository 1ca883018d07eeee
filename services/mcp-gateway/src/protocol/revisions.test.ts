// Holds that no client is sent what is newer than its protocol revision, with the clients of that time too.

import { getRun, type JsonObject, runModel, surfaceChanged } from '@inferry/contracts';
import { legacyVersions } from '@inferry/mcp';
import { serveTestSurface } from '@inferry/mcp/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as Client10 } from 'mcp-sdk-1.10/client/index.js';
import { StreamableHTTPClientTransport as Transport10 } from 'mcp-sdk-1.10/client/streamableHttp.js';
import { Client as Client11 } from 'mcp-sdk-1.11/client/index.js';
import { StreamableHTTPClientTransport as Transport11 } from 'mcp-sdk-1.11/client/streamableHttp.js';
import { Client as Client12 } from 'mcp-sdk-1.12/client/index.js';
import { StreamableHTTPClientTransport as Transport12 } from 'mcp-sdk-1.12/client/streamableHttp.js';
import { Client as Client13 } from 'mcp-sdk-1.13/client/index.js';
import { StreamableHTTPClientTransport as Transport13 } from 'mcp-sdk-1.13/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  acceptStream,
  callOf,
  framesOf,
  post,
  rpc,
  startTestGateway,
  type TestGateway,
} from '../test-gateway.ts';

const url = 'http://files.test/f/asset_1/out.png';
const run = {
  run_id: 'run_1',
  status: 'succeeded' as const,
  outputs: [{ index: 0, kind: 'image', url, mime_type: 'image/png', asset_id: 'asset_1' }],
};

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    env: { MCP_SURFACES: 'catalog' },
    serve(services) {
      services.serve(runModel, async (_input, { progress }) => {
        progress({ progress: 0.5, message: 'half' });
        return { run };
      });
      services.serve(getRun, async () => ({ run }));
      const surface = serveTestSurface(services, { service: 'catalog' });
      surface.resources = [{ uri: 'test://a', name: 'a', title: 'A', mimeType: 'text/plain' }];
      surface.prompts = [
        { name: 'greet', title: 'Greet', arguments: [{ name: 'who', title: 'Who', required: true }] },
      ];
      services.publish(surfaceChanged, { service: 'catalog', lists: ['prompts'] });
    },
  });
});
afterAll(() => gateway.close());

interface Begun {
  result: JsonObject;
  /** What a client of that version sends with each request. */
  headers: Record<string, string>;
}

async function begin(version: string, clientInfo = { name: 'older', version: '1' }): Promise<Begun> {
  const params = { protocolVersion: version, capabilities: {}, clientInfo };
  const { json, headers } = await post(gateway.url, rpc('initialize', params));
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '' };
  // The header is of 2025-06-18: before it only the session tells.
  const named = version < '2025-06-18' ? session : { ...session, 'mcp-protocol-version': version };
  return { result: json.result, headers: named };
}

/** The names of the fields of what a list has. */
function fieldsOf(list: JsonObject[]): string[] {
  return [...new Set(list.flatMap((item) => Object.keys(item)))].sort();
}

/** Fields by the schema of each revision, as far as this server has them. */
const known: Record<string, Record<'tool' | 'prompt' | 'argument' | 'resource' | 'server', string[]>> = {
  '2024-11-05': {
    tool: ['description', 'inputSchema', 'name'],
    prompt: ['arguments', 'name'],
    argument: ['name', 'required'],
    resource: ['mimeType', 'name', 'uri'],
    server: ['name', 'version'],
  },
  '2025-03-26': {
    tool: ['annotations', 'description', 'inputSchema', 'name'],
    prompt: ['arguments', 'name'],
    argument: ['name', 'required'],
    resource: ['mimeType', 'name', 'uri'],
    server: ['name', 'version'],
  },
};

describe.each(['2024-11-05', '2025-03-26'])('a session of %s', (version) => {
  test('is begun with what that revision has', async () => {
    const { result } = await begin(version);

    expect(result.protocolVersion).toBe(version);
    expect(Object.keys(result.serverInfo as JsonObject).sort()).toEqual(known[version]?.server);
    const capabilities = ['logging', 'prompts', 'resources', 'tools'];
    const expected = version === '2024-11-05' ? capabilities : ['completions', ...capabilities];
    expect(Object.keys(result.capabilities as JsonObject).sort()).toEqual(expected);
  });

  test.each(['run_model', 'get_run'])('has the file of %s as text alone', async (name) => {
    const { headers } = await begin(version);
    const args = name === 'run_model' ? { model: 'm/x', input: {} } : { run_id: 'run_1' };

    const { json } = await post(gateway.url, callOf(name, args), headers);

    expect(Object.keys(json.result)).toEqual(['content']);
    expect(json.result.content.map(({ type }: { type: string }) => type)).toEqual(['text']);
    expect(json.result.content[0].text).toContain(url);
  });

  test('lists tools, prompts and resources without later fields', async () => {
    const { headers } = await begin(version);
    const list = async (method: string) => (await post(gateway.url, rpc(method), headers)).json.result;
    const { tools } = await list('tools/list');
    const { prompts } = await list('prompts/list');
    const { resources } = await list('resources/list');

    expect(fieldsOf(tools)).toEqual(known[version]?.tool);
    expect(fieldsOf(prompts)).toEqual(known[version]?.prompt);
    expect(fieldsOf(prompts[0].arguments)).toEqual(known[version]?.argument);
    expect(fieldsOf(resources)).toEqual(known[version]?.resource);
  });

  test('is told of progress as that revision has it', async () => {
    const { headers } = await begin(version);
    const call = callOf('run_model', { model: 'm/x', input: {} }, { progressToken: 'p' });

    const { text } = await post(gateway.url, call, { ...headers, ...acceptStream });

    const [step] = framesOf(text);
    const fields = ['progress', 'progressToken', 'total'];
    expect(Object.keys(step?.params as JsonObject).sort()).toEqual(
      version === '2024-11-05' ? fields : ['message', ...fields],
    );
  });
});

test('a client that says neither its version nor its session has no types of content of later', async () => {
  const { json } = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }));

  expect(json.result.content.map(({ type }: { type: string }) => type)).toEqual(['text']);
  expect(json.result.structuredContent.run.outputs[0].url).toBe(url);
});

test.each(['2025-06-18', '2025-11-25'])('a session of %s has links and structure', async (version) => {
  const { headers } = await begin(version);

  const { json } = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }), headers);

  expect(json.result.content.map(({ type }: { type: string }) => type)).toEqual(['text', 'resource_link']);
  expect(json.result.structuredContent.run.run_id).toBe('run_1');
});

test('what a session was begun with holds for requests that name no version', async () => {
  const { headers } = await begin('2025-11-25');

  const { json } = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }), {
    'mcp-session-id': headers['mcp-session-id'] ?? '',
  });

  expect(json.result.content).toHaveLength(2);
});

test.each(['@langchain/mcp-adapters', 'ai-sdk-mcp-client', 'gemini-cli-mcp-client'])(
  '%s is sent no resource links',
  async (name) => {
    const { headers } = await begin('2025-11-25', { name, version: '1' });

    const { json } = await post(gateway.url, callOf('get_run', { run_id: 'run_1' }), headers);

    expect(json.result.content).toEqual([{ type: 'text', text: expect.stringContaining(url) }]);
    expect(json.result.structuredContent.run.outputs[0].url).toBe(url);
  },
);

test('extensions are told to clients of an older revision that have some themselves', async () => {
  const [newest] = legacyVersions;
  const ask = (protocolVersion: string, capabilities: JsonObject) =>
    post(gateway.url, rpc('initialize', { protocolVersion, capabilities }));
  const older = await ask('2025-06-18', {});
  const withSome = await ask('2025-06-18', { extensions: {} });
  const today = await ask(newest, {});

  expect(older.json.result.capabilities.extensions).toBeUndefined();
  expect(withSome.json.result.capabilities.extensions).toBeDefined();
  expect(today.json.result.capabilities.extensions).toBeDefined();
});

/** As far as the SDKs of all times are alike. */
interface AnyClient {
  connect(transport: unknown): Promise<void>;
  listTools(): Promise<{ tools: unknown[] }>;
  callTool(call: { name: string; arguments: JsonObject }): Promise<unknown>;
  close(): Promise<void>;
}
type AnyConstructor = new (...args: never[]) => unknown;

const sdks: [string, AnyConstructor, AnyConstructor][] = [
  ['1.10.2', Client10, Transport10],
  ['1.11.0', Client11, Transport11],
  ['1.12.3', Client12, Transport12],
  ['1.13.0', Client13, Transport13],
  ['1.32', Client, StreamableHTTPClientTransport],
];

describe.each(sdks)('the TypeScript SDK %s', (_version, SdkClient, SdkTransport) => {
  test('lists tools, runs a model that makes a file, and reads the run', async () => {
    // as: the constructors of five versions of one class, called as each of them is.
    const client = new (SdkClient as new (info: unknown) => AnyClient)({ name: 'test', version: '1' });
    await client.connect(new (SdkTransport as new (at: URL) => unknown)(new URL(gateway.url)));
    const { tools } = await client.listTools();
    const started = await client.callTool({ name: 'run_model', arguments: { model: 'm/x', input: {} } });
    const read = await client.callTool({ name: 'get_run', arguments: { run_id: 'run_1' } });
    await client.close();

    expect(tools.length).toBeGreaterThan(5);
    expect(JSON.stringify(started)).toContain(url);
    expect(JSON.stringify(read)).toContain(url);
  });
});
