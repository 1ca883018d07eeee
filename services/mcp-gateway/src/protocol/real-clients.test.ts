import { fileURLToPath } from 'node:url';
import { createInProcessTransport } from '@inferry/bus';
import { InputRequired, isObject, Secret } from '@inferry/contracts';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../test-gateway.ts';
import { askName } from './asking.fixture.ts';

const env = { INFERRY_EXTRA_TOOLS: fileURLToPath(new URL('./asking.fixture.ts', import.meta.url)) };
const requestedSchema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const request = { method: 'elicitation/create', params: { message: 'Your name?', requestedSchema } } as const;
const accepted = { action: 'accept', content: { name: 'Ada' } } as const;
const info = { name: 'test-client', version: '1.0.0' };
const capabilities = { elicitation: {} };

let replicas: TestGateway[];
beforeEach(async () => {
  const shared = { env, transport: createInProcessTransport(), sessionSecret: new Secret('of both') };
  replicas = [await startTestGateway(shared), await startTestGateway(shared)];
  replicas[0]?.services.serve(askName, async (_input, { client }) => {
    const answer = client?.responses.name;
    if (!isObject(answer)) throw new InputRequired({ name: request });
    return { said: isObject(answer.content) ? `Hello, ${String(answer.content.name)}` : 'Hello' };
  });
});
afterEach(() => Promise.all(replicas.map((gateway) => gateway.close())));

/** Request n of the client goes to replica n modulo 2. */
function roundRobin(): (url: string | URL, init?: RequestInit) => Promise<Response> {
  let turn = 0;
  return (_url, init) => {
    turn += 1;
    return fetch(replicas[turn % replicas.length]?.url ?? '', init);
  };
}

test.each(['pin', 'legacy'] as const)('SDK v2 (%s) answers what a tool asks for', async (mode) => {
  const versionNegotiation = { mode: mode === 'pin' ? { pin: '2026-07-28' } : mode };
  const client = new Client(info, { capabilities, versionNegotiation });
  client.setRequestHandler('elicitation/create', async () => accepted);
  const url = new URL(replicas[0]?.url ?? '');
  await client.connect(new StreamableHTTPClientTransport(url, { fetch: roundRobin() }));

  const { structuredContent } = await client.callTool({ name: 'ask_name', arguments: {} });

  expect(structuredContent).toEqual({ said: 'Hello, Ada' });
  await client.close();
});

test('SDK v1 answers what a tool asks for', async () => {
  const client = new OldClient(info, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, async () => accepted);
  const transport = new OldTransport(new URL(replicas[0]?.url ?? ''), { fetch: roundRobin() });
  // as: the SDK's own transport; its optional fields are typed without `undefined`.
  await client.connect(transport as Parameters<OldClient['connect']>[0]);

  const { structuredContent } = await client.callTool({ name: 'ask_name', arguments: {} });

  expect(structuredContent).toEqual({ said: 'Hello, Ada' });
  await client.close();
});
