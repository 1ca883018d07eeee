/** Events by webhook, from the gateway to an address, by a client of the Events extension that others have written. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  createMCPClient,
  experimental_createMCPEventWebhook as createWebhook,
  type Experimental_MCPEvent as McpEvent,
  type Experimental_MCPEventSubscription as McpEventSubscription,
} from '@ai-sdk/mcp';
import { createBus, createInProcessTransport } from '@inferry/bus';
import { readRevocations, runFinished, Secret, verifyKey } from '@inferry/contracts';
import { type Database, endQueuedRun, insertRun, openDatabase } from '@inferry/database';
import { createInferenceService } from '@inferry/inference-poller';
import { createInProcessLimits } from '@inferry/limits';
import { createGatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import { createHttpApp, createLogger } from '@inferry/runtime';
import { afterEach, expect, it, vi } from 'vitest';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** What owns events and the gateway, each on the same bus; the caller is `ada` with a key. */
async function startSystem() {
  const transport = createInProcessTransport();
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const log = createLogger({ service: 'test', replica: 'test', level: 'silent' });
  const limits = createInProcessLimits();
  const bus = createBus(transport, { name: 'inference-poller' });
  const inference = await createInferenceService(
    { bus, database, limits, log, replica: 'replica-1' },
    {
      providers: [],
      webhookSecret: new Secret(Buffer.alloc(32, 3).toString('base64url')),
      allowLoopbackWebhooks: true,
    },
  );
  const auth = createBus(transport, { name: 'auth' });
  const principal = { subject: 'ada', grant_id: 'key_1', kind: 'api_key' as const, scopes: ['mcp'] };
  auth.serve(readRevocations, async () => ({ items: [], latest: 0 }));
  auth.serve(verifyKey, async () => ({ principal, cache_seconds: 60 }));
  const config = parseGatewayConfig({ INFERRY_AUTH: 'keys', EVENTS: '1' });
  const gatewayBus = createBus(transport, { name: 'mcp-gateway' });
  const gateway = await createGatewayService({ bus: gatewayBus, limits, log }, config, {});
  const app = await createHttpApp([gateway]);
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  closing.push(async () => {
    app.server.closeAllConnections();
    await app.close();
    await gateway.close();
    await inference.close();
    await Promise.all([bus.close(), auth.close(), gatewayBus.close()]);
    await database.close();
  });
  await vi.waitFor(async () => expect((await gateway.readiness()).isReady).toBe(true), 30_000);
  return { url: `${origin}/mcp`, bus, database };
}

/** A receiver as the client's own package makes one; `statuses` is what it answered to which message. */
async function startReceiver() {
  const kept = new Map<string, McpEventSubscription>();
  const store = {
    get: async (key: string) => kept.get(key),
    getById: async (id: string) => [...kept.values()].find((one) => one.id === id),
    set: async (one: McpEventSubscription) => void kept.set(one.key, one),
    async update(key: string, patch: Partial<McpEventSubscription>) {
      const known = kept.get(key);
      if (known !== undefined) kept.set(key, { ...known, ...patch });
    },
    delete: async (key: string) => void kept.delete(key),
  };
  const events: McpEvent[] = [];
  const answered: [string, number][] = [];
  const handle = createWebhook({ store, onEvent: async ({ event }) => void events.push(event) });
  const server = createServer(async (request, response) => {
    const headers = new Headers(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const body = new Uint8Array(await buffer(request));
    const reply = await handle(
      new Request(`http://127.0.0.1${request.url}`, { method: 'POST', headers, body }),
    );
    answered.push([headers.get('webhook-id') ?? '', reply.status]);
    response.writeHead(reply.status).end(await reply.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  // as: a TCP server that listens has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, store, events, answered };
}

async function endRun(database: Database, runId: string): Promise<void> {
  const row = {
    ...{ run_id: runId, subject: 'ada', grant_id: 'key_1', idempotency_key: runId, request_hash: '' },
    ...{ model: 'p/m', provider: 'p', native_id: 'm', input: '{}', file_fields: '{}', options: '{}' },
    ...{
      metadata: '{}',
      status: 'queued',
      phase: 'queued',
      version: 1,
      poll_attempts: 0,
      next_poll_at: null,
    },
    ...{ created_at: Date.now(), deadline_at: 9e15, currency: 'USD', reserved_micros: 0 },
    ...{ outputs: '{}', logs: '[]' },
  };
  await insertRun(database, { row, tags: {}, wantedMicros: 0 });
  const end = {
    at: Date.now(),
    note: '',
    patch: {},
    chargeMicros: undefined,
    status: 'cancelled',
  } as const;
  await endQueuedRun(database, { runId, subject: 'ada' }, end);
}

it('a client subscribes, is asked whether it means it, is told what ends, renews and ends it', async () => {
  const { url, bus, database } = await startSystem();
  const receiver = await startReceiver();
  const client = await createMCPClient({
    transport: { type: 'http', url, headers: { authorization: `Bearer ifr_${'a'.repeat(20)}` } },
    experimental_events: { store: receiver.store },
  });
  closing.push(() => client.close());
  const { experimental_events: events } = client;

  const { id } = await events.subscribe({
    name: 'run.finished',
    delivery: { mode: 'webhook', url: receiver.url, allowInsecureLocalhost: true },
  });
  await endRun(database, 'run_x');
  bus.publish(runFinished, {
    ...{ run_id: 'run_x', subject: 'ada', version: 2, status: 'cancelled', model: 'p/m', provider: 'p' },
  });
  await vi.waitFor(() => expect(receiver.events).toHaveLength(1), 45_000);

  expect(receiver.events).toMatchObject([
    {
      eventId: expect.stringMatching(/^run_x:finished:\d+$/),
      name: 'run.finished',
      data: { run_id: 'run_x', status: 'cancelled' },
    },
  ]);
  expect(receiver.answered).toEqual([
    [expect.stringMatching(/^msg_verification_/), 200],
    [receiver.events[0]?.eventId, 204],
  ]);
  expect(await events.refresh({ id })).toMatchObject({ id, truncated: false });
  await events.unsubscribe({ id });
  await expect(
    database.queries.selectFrom('event_subscriptions').select('ended_at').execute(),
  ).resolves.toEqual([{ ended_at: expect.any(Number) }]);
});
