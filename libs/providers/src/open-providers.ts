import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, readAll } from '@inferry/contracts';
import { type ProviderInstance, type ProvidersConfig, readProvidersConfig } from './config.ts';
import { parseEngineAddress } from './containers/engine.ts';
import { createContainerPlane } from './containers/plane.ts';
import type { ControlPlane } from './control-plane.ts';
import type { AdapterDefinition, AdapterOptions } from './definition.ts';
import type { ProviderLog } from './http/index.ts';
import type { Provider } from './provider.ts';

export interface OpenProvidersOptions {
  /** Told of crashes and failures inside the local models; log them. */
  onFault?: (fault: { nativeId: string; reason: string }) => void;
  /** Where adapters say what an operator should know. */
  log?: ProviderLog | undefined;
  /** Which built-in providers to open. Default: as the environment says (`readProvidersConfig`). */
  config?: ProvidersConfig;
}

interface ProviderModule {
  createProvider(): Provider | Promise<Provider>;
}

/**
 * The built-in providers, then one of each extra module, in that order. A module is a package name or a file's path
 * (relative ones start with a dot and count from the working directory) and exports `createProvider()`.
 */
export async function openProviders(
  extraModules: readonly string[],
  { onFault, log, config: given }: OpenProvidersOptions = {},
): Promise<Provider[]> {
  const config = given ?? (await readProvidersConfig());
  const providers: Provider[] = [];
  if (config.hasLocal) {
    // Loaded when asked for, so that whoever imports only this package's types does not pay for the models' code.
    const { createLocalProvider } = await import('./local/index.ts');
    providers.push(createLocalProvider(onFault === undefined ? {} : { onFault }));
  }
  const opened = await readAll([
    ...config.instances.map((instance) => () => openInstance(instance, log)),
    ...extraModules.map((name) => () => openExtra(name)),
  ]);
  providers.push(...opened);
  const slugs = providers.map(({ slug }) => slug);
  const twice = slugs.find((slug, index) => slugs.indexOf(slug) !== index);
  if (twice !== undefined)
    throw new ConfigError([`PROVIDERS, INFERRY_EXTRA_PROVIDERS: two providers are called "${twice}"`]);
  return providers;
}

/** The platforms of a deployment, opened: by each process for itself, or once for all services of one. */
export interface OpenedPlatforms extends Pick<ProvidersConfig, 'known' | 'instances'> {
  providers: readonly Provider[];
  close(): Promise<void>;
}

export async function openPlatforms(
  config: ProvidersConfig,
  extraModules: readonly string[],
  options: Omit<OpenProvidersOptions, 'config'> = {},
): Promise<OpenedPlatforms> {
  const providers = await openProviders(extraModules, { ...options, config });
  const { known, instances } = config;
  return {
    ...{ known, instances, providers },
    async close() {
      await Promise.all(providers.map((provider) => provider.close()));
    },
  };
}

/** One provider of a built-in adapter. */
export function openInstance(
  { definition, options }: ProviderInstance,
  log?: ProviderLog,
): Promise<Provider> {
  return definition.create(adapterOptions(definition, { options, log }));
}

/** The control planes of the platforms that have one, and of this machine's container engine where one is named. */
export async function openControlPlanes(
  { instances }: Pick<ProvidersConfig, 'instances'>,
  { log, containerEngine }: { log?: ProviderLog | undefined; containerEngine?: string | undefined } = {},
): Promise<ControlPlane[]> {
  const local =
    containerEngine === undefined || containerEngine === ''
      ? []
      : [createContainerPlane({ engine: parseEngineAddress(containerEngine) })];
  const opened = await readAll(
    instances.flatMap(({ definition, options }) =>
      definition.control === undefined
        ? []
        : [() => definition.control?.(adapterOptions(definition, { options, log }))],
    ),
  );
  return [...opened.filter((plane) => plane !== undefined), ...local];
}

function adapterOptions(
  definition: AdapterDefinition,
  { options, log }: { options: ProviderInstance['options']; log: ProviderLog | undefined },
): AdapterOptions {
  return {
    ...options,
    capabilities: definition.capabilities,
    runOptions: definition.options,
    log,
    now: Date.now,
    random: Math.random,
  };
}

async function openExtra(name: string): Promise<Provider> {
  const module: unknown = await import(specifierOf(name)).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why = code ?? (error instanceof Error ? error.message.split('\n')[0] : 'it throws');
    throw new ConfigError([`INFERRY_EXTRA_PROVIDERS: ${name} cannot be loaded (${why})`]);
  });
  if (isProviderModule(module)) return await module.createProvider();
  throw new ConfigError([`INFERRY_EXTRA_PROVIDERS: ${name} does not export createProvider()`]);
}

function specifierOf(name: string): string {
  return isAbsolute(name) || name.startsWith('.') ? pathToFileURL(resolve(name)).href : name;
}

function isProviderModule(module: unknown): module is ProviderModule {
  return (
    typeof module === 'object' &&
    module !== null &&
    'createProvider' in module &&
    typeof module.createProvider === 'function'
  );
}
