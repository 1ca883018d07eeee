import {
  createAuthService,
  createLocalKeks,
  parseAuthConfig,
  parseAuthorization,
  readEnvironmentKeys,
  readOrCreateKeyRing,
} from '@inferry/auth';
import { createFolderBlobs } from '@inferry/blobs';
import { createCatalogService, parseCatalogConfig } from '@inferry/catalog';
import { createComputeService, readComputeConfig } from '@inferry/compute';
import { openDatabase } from '@inferry/database';
import { createInferenceService, parseInferenceConfig, quoteSecretOf } from '@inferry/inference-poller';
import { parseGatewayConfig } from '@inferry/mcp-gateway';
import {
  openControlPlanes,
  openProviders,
  type Provider,
  type ProvidersConfig,
  readProvidersConfig,
} from '@inferry/providers';
import {
  createHttpApp,
  deriveSecrets,
  type Env,
  type Parts,
  portOf,
  readAll,
  Secret,
  type Service,
} from '@inferry/runtime';
import { createUploadService, parseUploadConfig } from '@inferry/upload';
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
  await readAll([
    () => parseAuthConfig(env),
    () => parseCatalogConfig(env),
    () => parseUploadConfig(env),
    () => parseInferenceConfig(env),
    () => parseGatewayConfig({ ...own, PUBLIC_URL: publicUrl }),
    () =>
      parseAuthorization(own, {
        publicUrl,
        secret: () => new Secret('made of nothing: only the rest is read'),
      }),
    async () => {
      const config = { ...(await readProvidersConfig(env)), hasLocal: false };
      const providers = await openProviders([], { config });
      await Promise.all(providers.map((provider) => provider.close()));
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
  const platforms = await readProvidersConfig(env);
  const providers = await openProviders(config.extraProviders, {
    config: platforms,
    log,
    onFault: (fault) => log.error(fault, 'a local model failed'),
  });
  const others = await createServices({ config, env, home, platforms, providers, partsFor, way });
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
      await Promise.all(providers.map((provider) => provider.close()));
      await front.close();
      await Promise.all([stores.database.close(), stores.blobs.close()]);
    },
  };
}

interface Composition {
  config: StartConfig;
  env: Env;
  home: Home;
  platforms: ProvidersConfig;
  providers: readonly Provider[];
  partsFor(name: string): Parts;
  way: Way;
}

/** In the order in which they need each other: whoever asks starts last. */
async function createServices(composition: Composition): Promise<Service[]> {
  const { config, env, home, platforms, providers, partsFor, way } = composition;
  const { of } = deriveSecrets('embedded', home.secret);
  const auth = await createAuth(composition);
  const catalog = await createCatalogService(partsFor('catalog'), {
    providers,
    known: platforms.known,
    ...parseCatalogConfig(env),
  });
  const upload = await createUploadService(partsFor('upload'), {
    ...parseUploadConfig(env),
    publicUrl: config.baseUrl,
    internalUrl: config.uploadInternalUrl,
    filesSecret: of('files'),
  });
  const inferenceSettings = parseInferenceConfig(env);
  const inference = await createInferenceService(partsFor('inference-poller'), {
    ...inferenceSettings,
    journalFolder: inferenceSettings.journalFolder ?? home.journalFolders[way],
    // What another client's process is just sending is not taken for what was left behind.
    isJournalOwn: way === 'http',
    providers,
    webhookSecret: of('webhooks'),
    hookSecret: of('hooks'),
    quoteSecret: quoteSecretOf(of('hooks')),
    publicUrl: config.baseUrl,
  });
  const compute = createComputeService(partsFor('compute'), {
    planes: await openControlPlanes(platforms, readComputeConfig(env)),
  });
  return [auth, catalog, upload, inference, compute];
}

function createAuth({ config, env, home, platforms, providers, partsFor }: Composition): Promise<Service> {
  const { of } = deriveSecrets('embedded', home.secret);
  const settings = parseAuthConfig(env);
  const slugs = providers.map(({ slug }) => slug);
  return createAuthService(partsFor('auth'), {
    ...settings,
    // An embedded system stores keys without being told to: under a key of its own, in its folder.
    keks: settings.keks ?? createLocalKeks(readOrCreateKeyRing(home.keyRingFile)),
    providers,
    environmentKeys: readEnvironmentKeys(env, slugs, platforms.instances),
    authorization: parseAuthorization(
      { ...env, INFERRY_AUTH: config.auth },
      { publicUrl: config.baseUrl, secret: of },
    ),
    fingerprintSecret: of('fingerprints'),
  });
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
