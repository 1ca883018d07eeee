/** The whole system in one process: the same services as a cluster's, made by the same definitions, on in-process parts. */
import { authDefinition } from '@inferry/auth';
import { createFolderBlobs } from '@inferry/blobs';
import { catalogDefinition } from '@inferry/catalog';
import { computeDefinition } from '@inferry/compute';
import { openDatabase } from '@inferry/database';
import { inferenceDefinition } from '@inferry/inference-poller';
import { parseGatewayConfig } from '@inferry/mcp-gateway';
import { type OpenedPlatforms, openPlatforms, readProvidersConfig } from '@inferry/providers';
import {
  type ConfigureContext,
  createHttpApp,
  createLogger,
  deriveSecrets,
  type Env,
  type Parts,
  portOf,
  readAll,
  Secret,
  type Service,
  type ServiceDefinition,
} from '@inferry/runtime';
import { uploadDefinition } from '@inferry/upload';
import type { FastifyInstance } from 'fastify';
import type { StartConfig } from './config.ts';
import { type Front, openFront, type Way } from './front.ts';
import type { Home } from './home.ts';

export interface EmbeddedSystem {
  app: FastifyInstance;
  /** Where it really listens. */
  port: number;
  parts: Parts;
  close(graceMs: number): Promise<void>;
  /** How much longer than the grace that may take. */
  lingerMs: number;
}

/** Every problem of the services' configuration at once. */
export async function checkServices(env: Env, auth: StartConfig['auth'], publicUrl: string): Promise<void> {
  const own = { ...env, INFERRY_AUTH: auth };
  const nothing = new Secret('made of nothing: only the rest is read');
  const context: ConfigureContext = {
    env: own,
    log: createLogger({ level: 'silent', service: 'check', replica: 'check' }),
    runtime: () => ({ publicUrl, uploadInternalUrl: undefined, extraProviders: [] }),
    secrets: () => ({ of: () => nothing }),
  };
  const none: OpenedPlatforms = { known: [], instances: [], providers: [], close: async () => undefined };
  await readAll([
    () => authDefinition.configure(context, { platforms: none }),
    () => catalogDefinition.configure(context, none),
    () => uploadDefinition.configure(context),
    () => inferenceDefinition.configure(context, { platforms: none, journal: {} }),
    () => parseGatewayConfig({ ...own, PUBLIC_URL: publicUrl }),
    async () => {
      const platforms = await openPlatforms({ ...(await readProvidersConfig(env)), hasLocal: false }, []);
      await platforms.close();
    },
  ]);
}

export interface EmbeddedOptions {
  transport: Way;
  /** What clients are served by already, and whose `stand` is the caller's to say; opened here where there is none. */
  front?: Front;
}

/** The whole system in this process: the same services as a cluster's, on the in-process parts. */
export async function startEmbedded(
  config: StartConfig,
  env: Env,
  { transport: way, front: given }: EmbeddedOptions = { transport: 'http' },
): Promise<EmbeddedSystem> {
  const front = given ?? (await openFront(config, env, way));
  try {
    const system = await standBehind(front, { config, env, way });
    if (given === undefined) front.stand();
    return system;
  } catch (error) {
    front.fall();
    throw error;
  }
}

async function standBehind(
  front: Front,
  { config, env, way }: Pick<Composition, 'config' | 'env' | 'way'>,
): Promise<EmbeddedSystem> {
  const { gateway, home, log } = front;
  const stores = await openStores(front);
  const partsFor = (name: string): Parts => ({
    ...stores,
    ...{ limits: front.limits, replica: front.replica },
    bus: front.busFor(name),
    log: log.child({ service: name }),
  });
  const platforms = await openPlatforms(await readProvidersConfig(env), config.extraProviders, {
    log,
    onFault: (fault) => log.error(fault, 'a local model failed'),
  });
  const others = await createServices({ config, env, home, log, platforms, partsFor, way });
  const services: Service[] = [...others, gateway];
  const app = await createHttpApp(services, {
    connections: config.connections,
    publicUrl: config.baseUrl,
  });
  await app.listen({ host: config.host, port: config.port });
  return {
    app,
    port: portOf(app),
    parts: partsFor('cli'),
    lingerMs: Math.max(...services.map((service) => service.lingerMs ?? 0)),
    async close(graceMs) {
      await Promise.all([...services.map((service) => service.drain(graceMs)), front.drain(graceMs)]);
      await app.close();
      await Promise.all(services.map((service) => service.close()));
      await platforms.close();
      await front.close();
      await Promise.all([stores.database.close(), stores.blobs.close()]);
    },
  };
}

interface Composition {
  config: StartConfig;
  env: Env;
  home: Home;
  log: Front['log'];
  platforms: OpenedPlatforms;
  partsFor(name: string): Parts;
  way: Way;
}

/** In the order in which they need each other: whoever asks starts last. */
async function createServices(composition: Composition): Promise<Service[]> {
  const { config, home, log, platforms, partsFor, way } = composition;
  const secrets = deriveSecrets('embedded', home.secret);
  const { baseUrl: publicUrl, uploadInternalUrl, extraProviders } = config;
  const env = { ...composition.env, INFERRY_AUTH: config.auth };
  const context: ConfigureContext = {
    ...{ env, log, secrets: () => secrets },
    runtime: () => ({ publicUrl, uploadInternalUrl, extraProviders }),
  };
  async function open<S, Shared>(
    definition: ServiceDefinition<S, Shared>,
    shared?: Shared,
  ): Promise<Service> {
    const settings = await definition.configure(context, shared);
    return definition.create(partsFor(definition.name), { env, publicUrl, secrets, settings });
  }
  // What another client's process is just sending is not taken for what was left behind.
  const journal = { journalFolder: home.journalFolders[way], isJournalOwn: way === 'http' };
  // An embedded system stores keys without being told to: under a key of its own, in its folder.
  const auth = await open(authDefinition, { platforms, keyRingFile: home.keyRingFile });
  const catalog = await open(catalogDefinition, platforms);
  const upload = await open(uploadDefinition);
  const inference = await open(inferenceDefinition, { platforms, journal });
  const compute = await open(computeDefinition, platforms);
  return [auth, catalog, upload, inference, compute];
}

async function openStores({
  home,
  log,
}: Pick<Front, 'home' | 'log'>): Promise<Pick<Parts, 'database' | 'blobs'>> {
  const database = await openDatabase({
    url: home.databaseUrl,
    onError: (error) => log.warn({ err: error }, 'database failed'),
  });
  await database.migrate();
  return { database, blobs: await createFolderBlobs({ folder: home.blobsFolder }) };
}
