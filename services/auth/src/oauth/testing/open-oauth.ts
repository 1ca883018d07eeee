import { createServer, request as httpRequest, type Server } from 'node:http';
import { type Bus, createBus, createInProcessTransport, type Transport } from '@inferry/bus';
import { grantRevoked, Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { createHttpApp, type HttpService, type Parts, portOf } from '@inferry/runtime';
import type { FastifyInstance } from 'fastify';
import type { AuthEngine, OAuthEvent } from '../auth-engine.ts';
import { type AuthEngineOptions, createAuthEngine } from '../create-auth-engine.ts';
import type { OAuthPages } from '../interactions/interactions.ts';
import { defaultSettings, type OAuthSettings } from '../settings.ts';
import { plainPages } from './plain-pages.ts';

export interface OAuthUnderTest {
  /** The issuer: a balancer that gives each request to the next replica. */
  url: string;
  /** The replicas' own addresses. */
  replicaUrls: string[];
  engines: AuthEngine[];
  database: Database;
  limits: Limits;
  settings: OAuthSettings;
  /** The side of others on the bus. */
  bus: Bus;
  revoked: string[];
  events: OAuthEvent[];
  /** What was logged as a fault of ours. */
  faults: unknown[];
  close(): Promise<void>;
}

export interface OAuthTestOptions extends Partial<Omit<AuthEngineOptions, 'settings' | 'pages'>> {
  pages?: OAuthPages;
  settings?: Partial<OAuthSettings> | ((url: string) => Partial<OAuthSettings>);
  replicas?: number;
  /** Another than one in memory; the test's own to close. */
  database?: Database;
  limits?: Limits;
}

/** Replicas of the authorization server over real HTTP, on one database, behind a balancer. */
export async function openOAuth(options: OAuthTestOptions = {}): Promise<OAuthUnderTest> {
  const {
    settings: changed,
    pages = plainPages,
    replicas: count = 2,
    database: given,
    limits: givenLimits,
    ...rest
  } = options;
  const transport = createInProcessTransport();
  const database = given ?? openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const limits = givenLimits ?? createInProcessLimits();
  const replicaUrls: string[] = [];
  const balancer = await startBalancer(replicaUrls);
  const settings = {
    ...defaultSettings,
    issuer: balancer.url,
    secret: new Secret('s'.repeat(43)),
    ...(typeof changed === 'function' ? changed(balancer.url) : changed),
  };
  const events: OAuthEvent[] = [];
  const faults: unknown[] = [];
  const shared = { database, limits, log: testLog(faults) };
  const replicas: Replica[] = [];
  for (let index = 0; index < count; index += 1) {
    const engineOptions = {
      onEvent: (event: OAuthEvent) => void events.push(event),
      ...rest,
      pages: () => pages,
    };
    replicas.push(await startReplica({ ...shared, transport }, { ...engineOptions, settings }));
  }
  replicaUrls.push(...replicas.map(({ url }) => url));
  const revoked: string[] = [];
  const listener = createBus(transport, { name: 'listener' });
  listener.on(grantRevoked, ({ grant_id: grantId }) => void revoked.push(grantId));
  return {
    ...{
      url: settings.issuer,
      replicaUrls,
      database,
      limits,
      settings,
      revoked,
      events,
      faults,
      bus: listener,
    },
    engines: replicas.map(({ engine }) => engine),
    async close() {
      await new Promise((resolve) => balancer.server.close(resolve));
      for (const replica of replicas) await replica.close();
      await listener.close();
      if (given === undefined) await database.close();
    },
  };
}

interface Replica {
  engine: AuthEngine;
  url: string;
  close(): Promise<void>;
}

async function startReplica(
  shared: Pick<Parts, 'database' | 'limits' | 'log'> & { transport: Transport },
  options: AuthEngineOptions,
): Promise<Replica> {
  const bus: Bus = createBus(shared.transport, { name: 'auth' });
  const engine = await createAuthEngine({ ...shared, bus }, options);
  const app: FastifyInstance = await createHttpApp([asService(engine)]);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    engine,
    url: `http://127.0.0.1:${portOf(app)}`,
    async close() {
      app.server.closeAllConnections();
      await app.close();
      await engine.close();
      await bus.close();
    },
  };
}

function asService(engine: AuthEngine): HttpService {
  return {
    name: 'auth',
    routes: (app) => engine.routes(app),
    readiness: async () => ({ isReady: true, problems: {} }),
    drain: () => engine.drain(),
    close: () => engine.close(),
  };
}

/** Gives each request to the next replica, as a load balancer does that knows nothing of it. */
async function startBalancer(targets: readonly string[]): Promise<{ url: string; server: Server }> {
  let turn = 0;
  const server = createServer((request, response) => {
    const target = targets[turn % targets.length];
    turn += 1;
    const onward = httpRequest(`${target}${request.url}`, {
      method: request.method ?? 'GET',
      headers: request.headers,
      agent: false,
    });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.keepAliveTimeout = 1;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, server };
}

function testLog(faults: unknown[]): Parts['log'] {
  const note = (fields: unknown): unknown => faults.push(fields);
  // as: the engine logs by these three alone.
  return { error: note, warn: note, info: () => undefined } as unknown as Parts['log'];
}
