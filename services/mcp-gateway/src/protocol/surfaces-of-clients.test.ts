import { createBus, createInProcessTransport } from '@inferry/bus';
import { runFinished } from '@inferry/contracts';
import { serveTestSurface, type TestSurface } from '@inferry/mcp/testing';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../test-gateway.ts';

const info = { name: 'test-client', version: '1.0.0' };
let surface: TestSurface;
let gateways: TestGateway[];
beforeEach(async () => {
  const transport = createInProcessTransport();
  const services = createBus(transport, { name: 'one' });
  surface = serveTestSurface(services, { service: 'one', prefix: 'inferry://runs/' });
  const start = () => startTestGateway({ transport, env: { MCP_SURFACES: 'one' } });
  gateways = [await start(), await start()];
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
});

function urlOf(gateway: TestGateway | undefined): URL {
  return new URL(gateway?.url ?? '');
}

async function connectNew(mode: 'legacy' | { pin: string }, options = {}, gateway = gateways[0]) {
  const client = new Client(info, { versionNegotiation: { mode }, ...options });
  await client.connect(new StreamableHTTPClientTransport(urlOf(gateway)));
  return client;
}

async function connectOld(): Promise<OldClient> {
  const client = new OldClient(info);
  // as: the SDK's own transport; its optional fields are typed without `undefined`.
  await client.connect(new OldTransport(urlOf(gateways[0])) as Parameters<OldClient['connect']>[0]);
  return client;
}

const kinds = {
  'SDK v2, pinned to 2026-07-28': () => connectNew({ pin: '2026-07-28' }),
  'SDK v2, legacy': () => connectNew('legacy'),
  'SDK v1': connectOld,
} satisfies Record<string, () => Promise<Client | OldClient>>;

describe.each(Object.entries(kinds))('a client (%s)', (_kind, connect) => {
  let client: Client | OldClient;
  beforeEach(async () => {
    client = await connect();
  });
  afterEach(() => client.close());

  test('lists the prompts and gets one', async () => {
    const { prompts } = await client.listPrompts();

    const { messages } = await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } });

    expect(prompts.map(({ name }) => name)).toEqual(['greet']);
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Hello Ada' } }]);
  });

  test('lists resources and templates and reads one', async () => {
    const { resources } = await client.listResources();
    const { resourceTemplates } = await client.listResourceTemplates();

    const { contents } = await client.readResource({ uri: 'inferry://runs/a' });

    expect(resources[0]?.uri).toBe('inferry://runs/a');
    expect(resourceTemplates).toHaveLength(1);
    expect(contents).toMatchObject([{ uri: 'inferry://runs/a', mimeType: 'text/plain' }]);
  });

  test('is told that a resource does not exist', async () => {
    await expect(client.readResource({ uri: 'inferry://runs/none' })).rejects.toThrow(/not found/i);
  });

  test('completes an argument', async () => {
    const ref = { type: 'ref/prompt', name: 'greet' } as const;

    const { completion } = await client.complete({ ref, argument: { name: 'who', value: 'A' } });

    expect(completion).toMatchObject({ values: ['A-1', 'A-2'], total: 2, hasMore: false });
  });
});

test('a client (SDK v2) that wants to know of changes is told, whichever replica it listens at', async () => {
  const heard: string[] = [];
  const listChanged = {
    prompts: { autoRefresh: false, debounceMs: 0, onChanged: () => heard.push('prompts') },
  };
  const clients = await Promise.all(
    gateways.map((gateway) => connectNew({ pin: '2026-07-28' }, { listChanged }, gateway)),
  );

  surface.change([{ name: 'new' }]);

  await vi.waitFor(() => expect(heard).toEqual(['prompts', 'prompts']));
  await Promise.all(clients.map((client) => client.close()));
});

test('a client (SDK v2) follows a run and learns that its server goes', async () => {
  const client = await connectNew({ pin: '2026-07-28' });
  const updated: string[] = [];
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    updated.push(params.uri);
  });
  const subscription = await client.listen({ resourceSubscriptions: ['inferry://runs/run_1'] });
  const event = { run_id: 'run_1', subject: 'local', version: 2, status: 'succeeded' } as const;

  gateways[1]?.services.publish(runFinished, { ...event, model: 'p/a', provider: 'p' });
  await vi.waitFor(() => expect(updated).toEqual(['inferry://runs/run_1']));
  await gateways[0]?.service.drain(5_000);

  expect(subscription.honoredFilter).toEqual({ resourceSubscriptions: ['inferry://runs/run_1'] });
  expect(await subscription.closed).toBe('graceful');
  await client.close();
});
