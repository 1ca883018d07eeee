import { createServer, type Server } from 'node:http';
import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { createInProcessLimits } from '@inferry/limits';
import type { Provider } from '@inferry/providers';
import { createHttpApp, type Env, type HttpService, type Parts } from '@inferry/runtime';
import { parseIdentityConfig } from '../identity/config.ts';
import { takeMinted } from '../identity/handoff/take-minted.ts';
import { type AuthEngine, createAuthEngine, defaultSettings, type Grants } from '../oauth/index.ts';
import { openPages, type PagesOptions } from '../pages/open-pages.ts';
import { type CredentialService, openCredentials } from '../rpc/open-credentials.ts';
import { createLocalKeks, parseKeyRing } from '../vault/key-ring.ts';

export interface SignInUnderTest {
  /** The issuer. */
  url: string;
  /** The side of other services. */
  bus: Bus;
  database: Database;
  engine: AuthEngine;
  credentials: CredentialService;
  /** Everything in the database, as text. */
  dump(): Promise<string>;
  /** Marks every stored key as refused by its provider. */
  killKeys(): Promise<void>;
  /** What was logged. */
  faults: unknown[];
  close(): Promise<void>;
}

export interface SignInTestOptions {
  /** As the operator writes it, who knows where the server will be. */
  env?: Env | ((url: string) => Promise<Env>);
  providers?: readonly Provider[];
  /** False: a deployment that stores no keys. */
  hasVault?: boolean;
  redirectHosts?: readonly string[];
  redirectUris?: readonly string[];
  /** Profiles that people sign in to in a way of their own. */
  profiles?: PagesOptions['profiles'];
  /** Below which the deployment is, such as `/ai`. */
  path?: string;
  now?: () => number;
  /** How a driver waits; by default it does. */
  pause?: (ms: number) => Promise<unknown>;
}

/** The authorization server with all of its pages, over real HTTP on loopback; only the platforms are scripted. */
export async function openSignIn(options: SignInTestOptions = {}): Promise<SignInUnderTest> {
  const {
    env = {},
    providers = [],
    hasVault = true,
    redirectHosts = [],
    path = '',
    now = Date.now,
  } = options;
  const port = await reservePort();
  const url = `http://127.0.0.1:${port}${path}`;
  const config = parseIdentityConfig(typeof env === 'function' ? await env(url) : env);
  const transport = createInProcessTransport();
  const bus = createBus(transport, { name: 'auth' });
  const others = createBus(transport, { name: 'others' });
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const faults: unknown[] = [];
  const parts = { bus, database, limits: createInProcessLimits({ now }), log: testLog(faults) };
  const kek = Buffer.alloc(32, 7).toString('base64');
  const credentials = await openCredentials(parts, {
    keks: hasVault ? createLocalKeks(parseKeyRing(`k1:${kek}`)) : undefined,
    fingerprintSecret: new Secret('fingerprints'.repeat(4)),
    providers,
    now,
  });
  let grants: Grants | undefined;
  const pages = openPages(parts, {
    ...{ credentials, providers, publicUrl: url, now, config },
    secret: new Secret(Buffer.alloc(32, 9).toString('base64url')),
    proxies: { has: () => false },
    profiles: options.profiles,
    pause: options.pause,
    grants() {
      if (grants === undefined) throw new Error('not open yet');
      return grants;
    },
  });
  const settings = {
    ...defaultSettings,
    issuer: url,
    secret: new Secret('s'.repeat(43)),
    redirectHosts: new Set([...defaultSettings.redirectHosts, ...redirectHosts]),
    redirectUris: new Set(options.redirectUris),
  };
  const engine = await createAuthEngine(parts, {
    ...{ settings, pages: () => pages, now },
    takeMinted: config.isMintedGiven
      ? (grant) => takeMinted({ connections: credentials.connections, grants }, grant)
      : undefined,
  });
  grants = engine.grants;
  const app = await createHttpApp([asService(engine)], { publicUrl: url });
  await app.listen({ host: '127.0.0.1', port });
  return {
    ...{ url, bus: others, database, engine, credentials, faults },
    dump: () => dump(database),
    async killKeys() {
      await database.queries.updateTable('connections').set({ state: 'rejected' }).execute();
    },
    async close() {
      app.server.closeAllConnections();
      await app.close();
      await engine.close();
      credentials.close();
      await Promise.all([bus.close(), others.close()]);
      await database.close();
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

async function dump({ queries }: Database): Promise<string> {
  const tables = ['accounts', 'account_sessions', 'connections', 'oauth_records', 'oauth_grants'] as const;
  return JSON.stringify(
    await Promise.all(tables.map((table) => queries.selectFrom(table).selectAll().execute())),
  );
}

/** The issuer is part of the pages before anything listens. */
async function reservePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function testLog(faults: unknown[]): Parts['log'] {
  const note = (fields: unknown): unknown => faults.push(fields);
  // as: the parts log by these alone.
  return { error: note, warn: note, info: () => undefined } as unknown as Parts['log'];
}
