import {
  createAuthService,
  createLocalKeks,
  parseAuthConfig,
  parseAuthorization,
  readEnvironmentKeys,
  readOrCreateKeyRing,
} from '@inferry/auth';
import { createFolderBlobs } from '@inferry/blobs';
import { createBus, createInProcessTransport, type Transport } from '@inferry/bus';
import { createCatalogService, parseCatalogConfig } from '@inferry/catalog';
import { createComputeService } from '@inferry/compute';
import { openDatabase } from '@inferry/database';
import { createInferenceService, parseInferenceConfig, quoteSecretOf } from '@inferry/inference-poller';
import { createInProcessLimits } from '@inferry/limits';
import { createGatewayService, type GatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import {
  openControlPlanes,
  openProviders,
  type Provider,
  type ProvidersConfig,
  readProvidersConfig,
} from '@inferry/providers';
import {
  createHttpApp,
  createLogger,
  deriveSecrets,
  type Env,
  newReplicaName,
  type Parts,
  portOf,
  readAll,
  Secret,
  type Service,
} from '@inferry/runtime';
import { createUploadService, parseUploadConfig } from '@inferry/upload';
import type { FastifyInstance } from 'fastify';
import type { StartConfig } from './config.ts';
import { type Home, openHome } from './home.ts';

export interface EmbeddedSystem {
  app: FastifyInstance;
  /** Where it really listens. */
  port: number;
  parts: Parts;
  /** Where clients are served that do not come over HTTP. */
  openStdio: GatewayService['openStdio'];
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
  /** Over stdio other processes may work on the same folder, and nobody is served MCP over HTTP. */
  transport: 'http' | 'stdio';
}

/** The whole system in this process: the same services as a cluster's, on the in-process parts. */
export async function startEmbedded(
  config: StartConfig,
  env: Env,
  { transport: way }: EmbeddedOptions = { transport: 'http' },
): Promise<EmbeddedSystem> {
  const home = openHome(config.home, config.secret);
  const transport = createInProcessTransport();
  const shared = await openSharedParts(config, home);
  const services: Service[] = [];
  const buses: Parts['bus'][] = [];
  const partsFor = (name: string): Parts => {
    const log = shared.log.child({ service: name });
    const bus = createBus(transport, {
      name,
      // What the command line asks, the gateway could: it is the same process.
      statements: deriveSecrets(name === 'cli' ? 'mcp-gateway' : name, home.secret).statements,
      onInternalError: (error, subject) => log.error({ err: error, subject }, 'call failed'),
    });
    buses.push(bus);
    return { ...shared, bus, log };
  };
  const platforms = await readProvidersConfig(env);
  const providers = await openProviders(config.extraProviders, {
    config: platforms,
    log: shared.log,
    onFault: (fault) => shared.log.error(fault, 'a local model failed'),
  });
  const composition = { config, env, home, platforms, providers, partsFor, way };
  const { gateway, others } = await createServices(composition);
  services.push(...others, gateway);
  const app = await createHttpApp(services, {
    connections: config.connections,
    publicUrl: config.baseUrl,
  });
  await app.listen({ host: config.host, port: config.port });
  return {
    app,
    port: portOf(app),
    parts: partsFor('cli'),
    openStdio: gateway.openStdio,
    lingerMs: Math.max(...services.map((service) => service.lingerMs ?? 0)),
    async close(graceMs) {
      await Promise.all([
        ...services.map((service) => service.drain(graceMs)),
        ...buses.map((bus) => bus.drain(graceMs)),
      ]);
      await app.close();
      await Promise.all(services.map((service) => service.close()));
      await Promise.all(providers.map((provider) => provider.close()));
      await closeShared(buses, shared, transport);
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
  way: EmbeddedOptions['transport'];
}

interface Composed {
  gateway: GatewayService;
  others: Service[];
}

/** In the order in which they need each other: whoever asks starts last. */
async function createServices(composition: Composition): Promise<Composed> {
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
    planes: await openControlPlanes(platforms),
  });
  const gatewayEnv = {
    ...env,
    ...{ HOST: config.host, PORT: String(config.port), INFERRY_AUTH: config.auth },
    // People sign in where clients call: on this one port.
    ...(config.auth === 'oauth' ? { PUBLIC_URL: config.baseUrl } : {}),
  };
  const gateway = await createGatewayService(partsFor('mcp-gateway'), parseGatewayConfig(gatewayEnv), {
    sessionSecret: of('sessions'),
    hasHttp: way === 'http',
  });
  return { gateway, others: [auth, catalog, upload, inference, compute] };
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

async function openSharedParts(
  config: StartConfig,
  home: ReturnType<typeof openHome>,
): Promise<Omit<Parts, 'bus'>> {
  const replica = newReplicaName('inferry');
  const log = createLogger({ service: 'inferry', replica, level: config.logLevel, fd: 2 });
  const database = await openDatabase({
    url: home.databaseUrl,
    onError: (error) => log.warn({ err: error }, 'database failed'),
  });
  await database.migrate();
  const blobs = await createFolderBlobs({ folder: home.blobsFolder });
  return { database, limits: createInProcessLimits(), blobs, log, replica };
}

async function closeShared(
  buses: readonly Parts['bus'][],
  { database, limits, blobs }: Omit<Parts, 'bus'>,
  transport: Transport,
): Promise<void> {
  await Promise.all(buses.map((bus) => bus.close()));
  await transport.close();
  await Promise.all([database.close(), limits.close(), blobs.close()]);
}
