import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsUser, natsConfig } from '@inferry/bus/nats';
import { type ServiceName, serviceNames } from '@inferry/runtime';
import { type LocalServer, startNats, startPostgres, startRedis } from '@inferry/testing';
import { targetsOf } from './path-table.ts';
import { namedProviders, processEnv } from './process-env.ts';
import { Replica } from './replica.ts';
import { type RoundRobinProxy, startRoundRobinProxy } from './round-robin-proxy.ts';

export interface ClusterOptions {
  replicas: number;
  /** Port of the proxy; 0 for any. */
  port: number;
  auth: 'none' | 'keys' | 'oauth';
  /** Passed to every service; `NATS_URL`, `REDIS_URL` and `DATABASE_URL` in it are used instead of own servers. */
  env: Readonly<Record<string, string | undefined>>;
  /** The environment of one process, made of that of all: a trial puts what it can break in between. */
  adapt?(env: NodeJS.ProcessEnv, replica: { service: string; index: number }): Promise<NodeJS.ProcessEnv>;
  /** The file that a service runs in place of this release's: an older one, in a trial. */
  mainOf?(service: ServiceName): string;
  /** Processes beside the services, with as many replicas; only tests have some. */
  extra?: readonly { name: string; main: string }[];
  onLine(prefix: string, line: string): void;
}

export interface Servers {
  nats: LocalServer | undefined;
  redis: LocalServer | undefined;
  postgres: LocalServer | undefined;
}

export interface Cluster {
  /** Of the proxy, without a path. */
  url: string;
  replicas: readonly Replica[];
  servers: Servers;
  /** The whole deployment's environment, for commands that work beside it: no process of it has all of this. */
  env: NodeJS.ProcessEnv;
  of(service: ServiceName): readonly Replica[];
  /**
   * One new replica after the other beside the old ones of a service, which then leave in order; `main` is what they run in place
   * of this release's code.
   */
  update(service: ServiceName, main?: string): Promise<void>;
  /** Resolves when every replica is ready; rejects after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** Stops everything and leaves nothing behind; the exit codes of the services. */
  stop(): Promise<(number | null)[]>;
}

const probeEveryMs = 250;
const updateTimeoutMs = 120_000;
const leavingMs = 1_000;
/** Whoever started the cluster may watch the bus. */
const operator = 'operator';

/** One of its own for each user of a store. */
class Passwords {
  readonly #passwords = new Map<string, string>();

  of(user: string): string {
    const known = this.#passwords.get(user) ?? `p${randomBytes(24).toString('hex')}`;
    this.#passwords.set(user, known);
    return known;
  }
}

/** Every service as its own processes on real NATS, Redis and Postgres, behind a strict round-robin proxy. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const passwords = new Passwords();
  const extra = (options.extra ?? []).map(({ name }) => name);
  const users = [...new Set([...serviceNames, ...extra, 'cli', operator])];
  const servers: Servers = {
    nats: options.env.NATS_URL ? undefined : await startNats({ config: natsConfig(users.map(toUser)) }),
    redis: options.env.REDIS_URL ? undefined : await startRedis({ password: passwords.of('redis') }),
    postgres: options.env.DATABASE_URL
      ? undefined
      : await startPostgres({ password: passwords.of('postgres') }),
  };
  function toUser(name: string): NatsUser {
    return { name, password: passwords.of(name) };
  }
  const natsUrlOf = (user: string) =>
    servers.nats === undefined
      ? options.env.NATS_URL
      : servers.nats.url.replace('://', `://${user}:${passwords.of(user)}@`);
  const folder = await mkdtemp(join(tmpdir(), 'inferry-cluster-'));
  const replicas: Replica[] = [];
  const proxy = await startRoundRobinProxy({
    host: '127.0.0.1',
    port: options.port,
    localAddress: proxyAddress,
    targets: (path) => targetsOf(replicas, path),
    isReady: () => replicas.length > 0 && replicas.every((replica) => replica.isReady),
  });
  const url = `http://127.0.0.1:${proxy.port}`;
  const shared = serviceEnv(options, { servers, folder, url });
  const env: NodeJS.ProcessEnv = { ...shared, NATS_URL: natsUrlOf(operator) };
  const PROVIDERS = await namedProviders(env);
  const processes = [
    ...serviceNames.map((name) => ({ name, main: options.mainOf?.(name) })),
    ...(options.extra ?? []),
  ];
  for (const { name, main } of processes) {
    for (let index = 0; index < options.replicas; index += 1) {
      const given = processEnv(name, { ...shared, PROVIDERS, NATS_URL: natsUrlOf(name) }, extra);
      const own = (await options.adapt?.(given, { service: name, index })) ?? given;
      replicas.push(new Replica({ service: name, main, index, env: own, onLine: options.onLine }));
    }
  }
  for (const replica of replicas) replica.start();
  const stopProbing = new AbortController();
  const probing = probeForEver(replicas, stopProbing.signal);

  return {
    url,
    replicas,
    servers,
    env,
    of: (service) => replicas.filter((replica) => replica.service === service),
    async update(service, main) {
      const say = (line: string) => options.onLine('cluster', line);
      for (const old of replicas.filter((replica) => replica.service === service)) {
        const next = old.successor(old.index + options.replicas, main);
        replicas.push(next);
        say(`${service}.${next.index} starts`);
        next.start();
        await waitUntilReady([next], updateTimeoutMs);
        replicas.splice(replicas.indexOf(old), 1);
        say(`${service}.${next.index} is ready, ${service}.${old.index} has left the list`);
        // What was sent to it before it left the list is taken: orchestrators wait as well.
        await sleep(leavingMs);
        say(`${service}.${old.index} is told to stop`);
        const code = await old.stop(graceOf(env));
        say(`${service}.${old.index} has ended with ${code}`);
      }
    },
    ready: (timeoutMs) => waitUntilReady(replicas, timeoutMs),
    async stop() {
      stopProbing.abort();
      await probing;
      const codes = await Promise.all(replicas.map((replica) => replica.stop(graceOf(env))));
      await closeOutside(proxy, servers);
      await rm(folder, { recursive: true, force: true });
      return codes;
    },
  };
}

/** What a poller has sent is waited for beyond the grace. */
function graceOf(env: NodeJS.ProcessEnv): number {
  return Number(env.SHUTDOWN_GRACE_MS) + Number(env.SUBMIT_TIMEOUT_MS || 30_000) + 5_000;
}

/** Where the proxy's own requests come from: whoever else is on this machine is not believed to be it. */
const proxyAddress =
  process.platform === 'linux' ? `127.${randomInt(2, 250)}.${randomInt(250)}.1` : '127.0.0.1';

function serviceEnv(
  options: ClusterOptions,
  { servers, folder, url }: { servers: Servers; folder: string; url: string },
): NodeJS.ProcessEnv {
  const host = new URL(url).host;
  return {
    AUTH_KEKS: `k1:${randomBytes(32).toString('base64')}`,
    BLOBS_FOLDER: join(folder, 'blobs'),
    SHUTDOWN_GRACE_MS: '10000',
    MCP_ALLOWED_HOSTS: `${host},localhost:${new URL(url).port}`,
    TRUSTED_PROXIES: proxyAddress,
    ...options.env,
    INFERRY_SECRET: options.env.INFERRY_SECRET || randomBytes(32).toString('hex'),
    INFERRY_AUTH: options.auth,
    PUBLIC_URL: url,
    UPLOAD_INTERNAL_URL: url,
    REDIS_URL: servers.redis?.url ?? options.env.REDIS_URL,
    DATABASE_URL: servers.postgres?.url ?? options.env.DATABASE_URL,
  };
}

async function probeForEver(replicas: readonly Replica[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(replicas.map((replica) => replica.probe()));
    await sleep(probeEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

async function waitUntilReady(replicas: readonly Replica[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!replicas.every((replica) => replica.isReady)) {
    if (Date.now() > deadline) {
      const waiting = replicas
        .filter((replica) => !replica.isReady)
        .map(({ service, index }) => `${service}.${index}`);
      throw new Error(`not ready after ${timeoutMs} ms: ${waiting.join(', ')}`);
    }
    await sleep(50);
  }
}

async function closeOutside(proxy: RoundRobinProxy, servers: Servers): Promise<void> {
  await proxy.close();
  await Promise.all(Object.values(servers).map((server) => server?.stop()));
}
