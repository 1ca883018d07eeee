/** Three servers of NATS as one, with the users that services have there: each may go away, and callers go on by the others. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, createBus } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import {
  AppError,
  eventSecretPurpose,
  listProviders,
  localPrincipal,
  openCredential,
  prepareRun,
  readEventKey,
  releaseCredential,
  runFinished,
  runModel,
  Secret,
  subscribeClientEvents,
} from '@inferry/contracts';
import { openDatabase, setLimit, setRunLimit } from '@inferry/database';
import { createInferenceService } from '@inferry/inference-poller';
import { createInProcessLimits } from '@inferry/limits';
import type { JobView, Provider } from '@inferry/providers';
import { createLogger } from '@inferry/runtime';
import { sealText } from '@inferry/seals';
import { freePort, type LocalServer, startNats } from '@inferry/testing';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';

const password = (user: string) => `p-${user}`;
const services = ['auth', 'catalog', 'inference-poller', 'upload', 'compute', 'mcp-gateway', 'cli'];
const servers: LocalServer[] = [];
const buses: Bus[] = [];

beforeAll(async () => {
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const [place, port] of ports.entries())
    servers.push(await startNats({ config: configOf(place, port, ports) }));
});
afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.close()));
  await Promise.all(servers.map((server) => server.stop()));
});

/** What Compose's servers read; the variables stand in the file, and ports are free ones. */
function configOf(place: number, port: number, ports: readonly number[]): string {
  const read = (name: string) => readFileSync(join(import.meta.dirname, '../../deploy/nats', name), 'utf8');
  const variables = [
    `NATS_SERVER_NAME: nats-${place}`,
    ...services.map(
      (name) => `NATS_PASSWORD_${name.toUpperCase().replaceAll('-', '_')}: "${password(name)}"`,
    ),
    `NATS_PASSWORD_ROUTES: "${password('routes')}"`,
    ...ports.map((of, index) => {
      return `NATS_ROUTE_${index + 1}: "nats-route://routes:${password('routes')}@127.0.0.1:${of}"`;
    }),
  ];
  const cluster = read('cluster.conf').replace('include ./nats.conf', read('nats.conf'));
  return [...variables, cluster.replace('0.0.0.0:6222', `127.0.0.1:${port}`)].join('\n');
}

async function enter(user: string): Promise<Bus> {
  const url = servers.map(({ port }) => `nats://${user}:${password(user)}@127.0.0.1:${port}`).join(',');
  const bus = createBus(await connectNats({ url, name: user }), { name: user });
  buses.push(bus);
  return bus;
}

it('loses no call for good and no listener when each of the three is killed in turn', async () => {
  const catalogs = [await enter('catalog'), await enter('catalog')];
  for (const catalog of catalogs) catalog.serve(listProviders, async () => ({ providers: [] }));
  const gateways = [await enter('mcp-gateway'), await enter('mcp-gateway'), await enter('mcp-gateway')];
  const heard = gateways.map((gateway) => {
    const of = new Set<string>();
    gateway.on(runFinished, ({ run_id: id }) => void of.add(id));
    return of;
  });
  const poller = await enter('inference-poller');
  const ask = (gateway: Bus) =>
    gateway.call(listProviders, {}, { principal: localPrincipal, timeoutMs: 15_000 }).then(
      () => 'answered',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );
  const outcomes: string[] = [];
  const end = new AbortController();
  const callers = gateways.map(async (gateway) => {
    while (!end.signal.aborted) {
      outcomes.push(await ask(gateway));
      await sleep(20);
    }
  });

  for (const [round, server] of servers.entries()) {
    await server.kill();
    // Everybody's calls are answered again while it is away.
    await expect.poll(() => Promise.all(gateways.map(ask))).toEqual(gateways.map(() => 'answered'));
    let sent = 0;
    const isHeard = (of: Set<string>) => [...of].some((id) => id.startsWith(`run_${round}_`));
    await expect
      .poll(() => {
        const told = { run_id: `run_${round}_${++sent}`, subject: 'ada', version: 1 };
        poller.publish(runFinished, { ...told, status: 'succeeded', model: 'm/m', provider: 'm' });
        return heard.every(isHeard);
      })
      .toBe(true);
    await server.restart();
  }
  end.abort();
  await Promise.all(callers);

  expect(outcomes.filter((outcome) => outcome !== 'answered' && outcome !== 'unavailable')).toEqual([]);
  // Calls that are under way when a server dies wait for another, so that a fast machine sees few besides the first.
  expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThanOrEqual(gateways.length);
});

interface Message {
  headers: IncomingHttpHeaders;
  body: Record<string, unknown> & { data?: Record<string, unknown> };
}

/** Takes events by webhook, and says yes to whoever asks whether it wants them. */
async function startReceiver(): Promise<{ url: string; messages: Message[] }> {
  const messages: Message[] = [];
  const server = createServer(async (request, response) => {
    const raw = await text(request);
    const body = JSON.parse(raw);
    if (body.type === 'verification') return response.end(JSON.stringify({ challenge: body.challenge }));
    messages.push({ headers: { ...request.headers, raw }, body });
    return response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  // as: a TCP server that listens has an address of this kind.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, messages };
}

/** A platform whose jobs are done when they are asked about the second time; `most` were under way at once. */
function platform() {
  const polls = new Map<string, number>();
  const seen = { most: 0, submits: [] as string[] };
  const under = () => [...polls.values()].filter((count) => count < 2).length;
  const view = (isDone: boolean): JobView =>
    isDone
      ? { status: 'succeeded', upstreamStatus: 'done', charged: { amount: 0.1, currency: 'USD' } }
      : { status: 'running', upstreamStatus: 'running', pollAfterMs: 100 };
  const provider: Provider = {
    slug: 'scripted',
    title: 'Scripted platform',
    capabilities: {
      cancel: 'none',
      progress: 'none',
      jobs: 'remote',
      watch: false,
      recover: false,
      inputUrls: 'internal',
    },
    ready: () => ({ isReady: true }),
    listModels: async () => 'unchanged',
    quote: () => ({ currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' }),
    async submit({ runId }) {
      seen.submits.push(runId);
      polls.set(runId, 0);
      seen.most = Math.max(seen.most, under());
      return { handle: { id: runId }, view: view(false) };
    },
    async poll({ id }) {
      const count = (polls.get(String(id)) ?? 0) + 1;
      polls.set(String(id), count);
      return view(count >= 2);
    },
    cancel: async () => 'unsupported',
    recover: async () => ({ outcome: 'unknown' }),
    close: async () => undefined,
  };
  return { provider, seen };
}

/** Two pollers on one database, where each tenant has two runs under way at once, and what they ask of the other services. */
async function startPollers(provider: Provider) {
  const catalog = await enter('catalog');
  catalog.serve(prepareRun, async ({ model, input }) => ({
    ...{
      model,
      provider: 'scripted',
      native_id: 'model',
      kind: 'model' as const,
      input,
      file_fields: [],
      problems: [],
    },
    quote: { currency: 'USD', max: 0.1, exact: true, unpriced_inputs: [], basis: 'per_request' as const },
  }));
  const auth = await enter('auth');
  auth.serve(openCredential, async () => ({ credential: null }));
  auth.serve(releaseCredential, async () => ({ released: true }));
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  await setRunLimit(database, { scope: 'subject', value: '*', atOnce: 2 });
  const log = createLogger({ service: 'test', replica: 'test', level: 'silent' });
  const limits = createInProcessLimits();
  const pollers: { close(): Promise<void> }[] = [];
  for (const replica of ['one', 'two'])
    pollers.push(
      await createInferenceService(
        { bus: await enter('inference-poller'), database, limits, log, replica },
        {
          providers: [provider],
          webhookSecret: new Secret(Buffer.alloc(32, 3).toString('base64url')),
          allowLoopbackWebhooks: true,
        },
      ),
    );
  onTestFinished(async () => {
    await Promise.all(pollers.map((poller) => poller.close()));
    await database.close();
  });
  return database;
}

it('keeps limits on runs, and tells each event once, while one of the three is away', async () => {
  const { provider, seen } = platform();
  const database = await startPollers(provider);
  const receiver = await startReceiver();
  const gateway = await enter('mcp-gateway');
  const ada = { ...localPrincipal, subject: 'ada' };
  const asking = { principal: ada, timeoutMs: 15_000 };
  const budget = { scope: 'subject', value: 'ada', span: 'total', timeZone: 'UTC', currency: 'USD' } as const;
  await setLimit(database.queries, { ...budget, limitMicros: 800_000 });
  const { public_key: key = '' } = await gateway.call(readEventKey, {}, asking);
  const secret = Buffer.alloc(24, 5);
  for (const name of ['run.finished', 'budget.reached'] as const) {
    const sealed = sealText(new Secret(`whsec_${secret.toString('base64')}`), key, eventSecretPurpose);
    const asked = { name, arguments: {}, url: receiver.url, secret: sealed, cursor: null };
    const { subscription } = await gateway.call(subscribeClientEvents, asked, asking);
    expect(subscription).toBeDefined();
  }

  await servers[0]?.kill();
  // The same reference is the same run, however often it has to be asked for.
  const start = async (index: number): Promise<string> => {
    const asked = { model: 'scripted/model', input: {}, client_ref: `ref-${index}`, wait_seconds: 0 };
    for (;;) {
      try {
        return (await gateway.call(runModel, asked, asking)).run?.run_id ?? '';
      } catch (error) {
        if (!(error instanceof AppError && error.retryable)) throw error;
      }
    }
  };
  const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => start(index)));
  const ended = () => receiver.messages.flatMap(({ body }) => body.data?.run_id ?? []);
  await expect.poll(() => ended().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(8);
  const reached = () => receiver.messages.filter(({ body }) => body.name === 'budget.reached');
  await expect.poll(() => reached().length, { timeout: 60_000 }).toBe(1);
  await servers[0]?.restart();

  expect(ended().sort()).toEqual([...ids].sort());
  expect(new Set(seen.submits)).toEqual(new Set(ids));
  expect([seen.submits.length, seen.most]).toEqual([8, 2]);
  for (const { headers } of receiver.messages) {
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${headers.raw}`;
    const signature = createHmac('sha256', secret).update(signed).digest('base64');
    expect(String(headers['webhook-signature']).split(' ')).toContain(`v1,${signature}`);
  }
});
