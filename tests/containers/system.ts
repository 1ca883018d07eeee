/**
 * The project's own images with NATS, Redis and Postgres as containers in one network, two replicas of each service behind the
 * load balancer of Compose, and a platform outside of them that counts what it is sent.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceNames } from '@inferry/runtime';
import { freePort, waitFor } from '@inferry/testing';
import {
  GenericContainer,
  getContainerRuntimeClient,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { acmeDescription, startPlatform, type TrialPlatform } from '../trial/platform.ts';

export interface ContainerSystem {
  /** Of the load balancer, without a path. */
  url: string;
  key: string;
  platform: TrialPlatform;
  /** Milliseconds of each step of the start. */
  timings: Readonly<Record<string, number>>;
  /** SIGKILL, and a start of the same container. */
  crash(name: string, place?: number): Promise<void>;
  /** A new replica beside the old ones, of the images of this version; then one of the old ones goes. */
  replaceOne(service: string): Promise<void>;
  stop(): Promise<void>;
}

interface Options {
  /** What the images are tagged with that it starts with. */
  version: string;
  replicas: number;
}

const deploy = join(import.meta.dirname, '../../deploy');
const blobsFolder = '/var/lib/inferry/blobs';
const acmeFile = '/etc/inferry/acme.json';
/** However busy the machine is: a container that ends says so at once. */
const startTimeoutMs = 900_000;
const stores = { nats: 'nats:2.10-alpine', redis: 'redis:8.0-bookworm', postgres: 'postgres:17-bookworm' };
const passwordOf = (user: string) => `p-${user}`;

export async function startContainers({ version, replicas }: Options): Promise<ContainerSystem> {
  const system = new Containers(await new Network().start());
  try {
    await system.start(version, replicas);
    return system;
  } catch (error) {
    await system.stop();
    throw error;
  }
}

class Containers implements ContainerSystem {
  readonly timings: Record<string, number> = {};
  key = '';
  readonly #network: StartedNetwork;
  readonly #running = new Map<string, StartedTestContainer[]>();
  readonly #blobs = `inferry-test-${randomBytes(4).toString('hex')}`;
  #platform: TrialPlatform | undefined;
  #port = 0;
  #environment: Record<string, string> = {};

  constructor(network: StartedNetwork) {
    this.#network = network;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get platform(): TrialPlatform {
    if (this.#platform === undefined) throw new Error('there is no platform yet');
    return this.#platform;
  }

  async start(version: string, replicas: number): Promise<void> {
    // Known before anything starts: it stands in links, and in the list of hosts that are served.
    this.#port = await freePort();
    this.#platform = await startPlatform('0.0.0.0');
    this.#environment = environmentOf(this.url, await this.#gateway(), this.platform.port);
    await this.#timed('stores', () => this.#startStores());
    const services = serviceNames.flatMap((name) => Array.from({ length: replicas }, () => name));
    await this.#timed('services', () =>
      Promise.all(services.map((name) => this.#startService(name, version))),
    );
    await this.#timed('load balancer', () => this.#startFront());
    await this.#timed('key', async () => {
      this.key = await this.#makeKey(version);
    });
    await waitFor(async () => (await fetch(`${this.url}/readyz`)).ok, {
      timeoutMs: startTimeoutMs,
      what: 'the load balancer to know a gateway',
    });
  }

  async crash(name: string, place = 0): Promise<void> {
    const container = this.#running.get(name)?.[place];
    if (container === undefined) throw new Error(`there is no ${name}`);
    const { container: client } = await getContainerRuntimeClient();
    const handle = client.dockerode.getContainer(container.getId());
    await handle.kill({ signal: 'SIGKILL' });
    await handle.start();
  }

  async replaceOne(service: string): Promise<void> {
    await this.#startService(service, currentVersion);
    const old = this.#running.get(service)?.shift();
    await old?.stop({ timeout: 60_000 });
  }

  async stop(): Promise<void> {
    const all = [...this.#running.values()].flat();
    // Whoever is asked last is asked in vain no longer: stores go with the others.
    await Promise.all(all.map((container) => container.stop({ timeout: 1_000, removeVolumes: true })));
    await this.#network.stop();
    const { container: client } = await getContainerRuntimeClient();
    await client.dockerode
      .getVolume(this.#blobs)
      .remove()
      .catch(() => {
        // It was never made: nothing got that far.
      });
    await this.#platform?.close();
  }

  /** Every port that an image names is published: Podman is waited for until each of them is. */
  async #startStores(): Promise<void> {
    const nats = this.#on(stores.nats, 'nats')
      .withEnvironment(
        Object.fromEntries([...serviceNames, 'cli'].map((name) => [natsVariable(name), passwordOf(name)])),
      )
      .withCopyContentToContainer([{ content: read('nats/nats.conf'), target: '/etc/nats/nats.conf' }])
      .withCommand(['--http_port', '8222', '--config', '/etc/nats/nats.conf'])
      .withExposedPorts(4222, 8222)
      .withWaitStrategy(Wait.forHttp('/healthz', 8222));
    const redis = this.#on(stores.redis, 'redis')
      .withCommand(['redis-server', '--requirepass', passwordOf('redis'), '--save', ''])
      .withExposedPorts(6379)
      .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'));
    const postgres = this.#on(stores.postgres, 'postgres')
      .withEnvironment({
        ...{ POSTGRES_USER: 'inferry', POSTGRES_DB: 'inferry' },
        POSTGRES_PASSWORD: passwordOf('postgres'),
      })
      .withCommand(['postgres', '-c', 'max_connections=200'])
      .withExposedPorts(5432)
      // Twice: the first is of the temporary server that the entry point makes the database with.
      .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2));
    await Promise.all([this.#run('nats', nats), this.#run('redis', redis), this.#run('postgres', postgres)]);
  }

  #startService(name: string, version: string): Promise<void> {
    const container = this.#on(`inferry/${name}:${version}`, name)
      .withEnvironment({
        ...this.#environment,
        NATS_URL: `nats://${name}:${passwordOf(name)}@nats:4222`,
        // `auth` alone has the platforms' keys.
        ...(name === 'auth' ? { ACME_API_KEY: 'acme-trial-key' } : {}),
      })
      .withCopyContentToContainer([{ content: JSON.stringify(acmeDescription()), target: acmeFile }])
      .withBindMounts(name === 'upload' ? [{ source: this.#blobs, target: blobsFolder }] : [])
      .withExposedPorts(8080)
      .withWaitStrategy(
        Wait.forHttp('/readyz', 8080, { abortOnContainerExit: true }).withHeaders({ Host: 'localhost' }),
      );
    return this.#run(name, container);
  }

  async #startFront(): Promise<void> {
    const front = this.#on('haproxy:3.0-alpine', 'lb')
      .withCopyContentToContainer([
        { content: read('haproxy/haproxy.cfg'), target: '/usr/local/etc/haproxy/haproxy.cfg' },
      ])
      .withExposedPorts({ container: 8080, host: this.#port })
      .withWaitStrategy(Wait.forHttp('/healthz', 8080));
    await this.#run('lb', front);
  }

  async #makeKey(version: string): Promise<string> {
    const cli = await this.#on(`inferry/cli:${version}`, 'cli')
      .withEnvironment({ ...this.#environment, NATS_URL: `nats://cli:${passwordOf('cli')}@nats:4222` })
      // It stays until it has been asked: whoever looks for its ports finds it.
      .withEntrypoint(['sleep', '600'])
      .withExposedPorts(8080)
      .withWaitStrategy(Wait.forSuccessfulCommand('true'))
      .start();
    const { output, exitCode } = await cli.exec([
      'node',
      'main.js',
      'keys',
      'create',
      '--name',
      'containers',
    ]);
    await cli.stop({ timeout: 0 });
    const [key] = /ifr_[\w-]+/.exec(output) ?? [];
    if (key === undefined) throw new Error(`no key was made (${exitCode}): ${output}`);
    return key;
  }

  #on(image: string, alias: string): GenericContainer {
    return new GenericContainer(image)
      .withNetwork(this.#network)
      .withNetworkAliases(alias)
      .withStartupTimeout(startTimeoutMs);
  }

  async #run(name: string, container: GenericContainer): Promise<void> {
    const started = await container.start().catch((error: unknown) => {
      throw new Error(`${name} did not start`, { cause: error });
    });
    this.#running.set(name, [...(this.#running.get(name) ?? []), started]);
  }

  /** Where containers reach the machine that they run on. */
  async #gateway(): Promise<string> {
    const { container: client } = await getContainerRuntimeClient();
    const { IPAM } = await client.dockerode.getNetwork(this.#network.getId()).inspect();
    return IPAM?.Config?.[0]?.Gateway ?? '127.0.0.1';
  }

  async #timed(step: string, work: () => Promise<unknown>): Promise<void> {
    const startedAt = performance.now();
    await work();
    this.timings[step] = Math.round(performance.now() - startedAt);
  }
}

/** What the images of this working tree are tagged with; `npm run test:containers` says it. */
export const currentVersion: string = process.env.INFERRY_VERSION ?? '';

/** What an image of this version takes unpacked, with what it shares with others. */
export async function imageBytes(service: string): Promise<number> {
  const { container: client } = await getContainerRuntimeClient();
  const { Size } = await client.dockerode.getImage(`inferry/${service}:${currentVersion}`).inspect();
  return Size;
}

function environmentOf(url: string, gateway: string, platformPort: number): Record<string, string> {
  return {
    ...{ PUBLIC_URL: url, MCP_ALLOWED_HOSTS: new URL(url).host, UPLOAD_INTERNAL_URL: 'http://upload:8080' },
    ...{ INFERRY_SECRET: randomBytes(32).toString('hex'), INFERRY_AUTH: 'keys', LOG_LEVEL: 'info' },
    REDIS_URL: `redis://:${passwordOf('redis')}@redis:6379`,
    DATABASE_URL: `postgres://inferry:${passwordOf('postgres')}@postgres:5432/inferry`,
    ...{ PROVIDERS: 'local,acme', PROVIDER_FILES: acmeFile },
    ACME_BASE_URL: `http://${gateway}:${platformPort}/containers/acme`,
    ...{ RATE_LIMIT_CREDENTIAL: '1000000', RATE_LIMIT_IP_POST_AUTH: '1000000', SHUTDOWN_GRACE_MS: '10000' },
  };
}

function natsVariable(user: string): string {
  return `NATS_PASSWORD_${user.toUpperCase().replaceAll('-', '_')}`;
}

function read(name: string): string {
  return readFileSync(join(deploy, name), 'utf8');
}
