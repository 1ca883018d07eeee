import { ConfigError } from '@inferry/contracts';
import { adapters } from './adapters.ts';
import type { AdapterDefinition, AdapterOptions } from './definition.ts';
import { readDescriptions } from './generic/read-files.ts';
import { splitList } from './split-list.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** One provider to open: an adapter under a slug, with where it is. */
export interface ProviderInstance {
  definition: AdapterDefinition;
  options: Pick<
    AdapterOptions,
    'slug' | 'title' | 'bases' | 'allowPrivateHosts' | 'settings' | 'needsKey' | 'howToConnect' | 'maxCallMs'
  >;
  /** Variables that may hold the deployment's key. */
  keyVariables: readonly string[];
}

export interface ProvidersConfig {
  /** Whether the models of this machine are among them. */
  hasLocal: boolean;
  instances: ProviderInstance[];
  /** What could be opened, by the name that its models would have. */
  known: readonly KnownPlatform[];
}

/** A platform that this release or a file of the deployment knows, whether or not it is open. */
export interface KnownPlatform {
  slug: string;
  title: string;
  howToConnect: string;
}

/**
 * Which providers a deployment has, by its environment:
 * - `PROVIDERS`: a comma-separated list of slugs, or of `slug:adapter` for one more of a kind (`my-vllm:openai`, with
 *   `MY_VLLM_BASE_URL` and `MY_VLLM_API_KEY`). Unset: `local`, and each adapter whose key or base URL is set.
 * - `PROVIDER_FILES`: files that describe further platforms.
 * - `MCP_ACCEPTED_KEY_PREFIXES`: platforms whose keys callers bring along are open too, unless `PROVIDERS` says which are.
 * - `INFERRY_EMULATORS`: the base URL of the emulators; every adapter goes there, and nothing goes to the platforms.
 * - `<SLUG>_CALL_SECONDS`: the longest that one call which answers by itself may take; unset: the run's own deadline.
 * - `PROVIDER_PRIVATE_HOSTS=1`: connections may name base URLs on private networks.
 * Throws `ConfigError` with every problem.
 */
export async function readProvidersConfig(env: Env = process.env): Promise<ProvidersConfig> {
  const described = await readDescriptions(splitList(env.PROVIDER_FILES ?? ''));
  const known = [...adapters.filter(({ slug }) => described.every((own) => own.slug !== slug)), ...described];
  const own = described.map(({ slug }) => slug);
  return parseProvidersConfig(env, known, own);
}

/** As `readProvidersConfig`, of the adapters alone that it is given: no file is read. */
export function parseProvidersConfig(
  env: Env = process.env,
  known: readonly AdapterDefinition[] = adapters,
  own: readonly string[] = [],
): ProvidersConfig {
  const problems: string[] = [];
  const wanted = env.PROVIDERS?.trim()
    ? splitList(env.PROVIDERS)
    : [...new Set([...defaultSlugs(env, known), ...own])];
  const instances: ProviderInstance[] = [];
  for (const entry of wanted.filter((slug) => slug !== 'local')) {
    const [slug = '', kind = slug] = entry.split(':');
    const definition = known.find((adapter) => adapter.slug === kind);
    if (definition === undefined) {
      const names = ['local', ...known.map((adapter) => adapter.slug)].join(', ');
      problems.push(`PROVIDERS: there is no adapter "${kind.slice(0, 40)}"; known: ${names}`);
    } else if (!/^[a-z][a-z0-9-]{0,39}$/.test(slug)) {
      problems.push(`PROVIDERS: "${slug.slice(0, 40)}" is no slug (lower case, digits, dashes)`);
    } else {
      instances.push(toInstance({ env, definition, slug, problems }));
    }
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  const platforms = known.map((definition) => ({
    slug: definition.slug,
    title: definition.title,
    howToConnect: howToConnect(definition, definition.slug),
  }));
  return { hasLocal: wanted.includes('local'), instances, known: platforms };
}

/** The variables of one instance: the definition's own, or such of its slug's name. */
export function variablesOf(
  definition: AdapterDefinition,
  slug: string = definition.slug,
): { keys: readonly string[]; bases: Readonly<Record<string, string>> } {
  const bases = Object.entries(definition.bases).map(([name, { variable }]): [string, string] => [
    name,
    variable,
  ]);
  if (slug === definition.slug) return { keys: definition.keyVariables, bases: Object.fromEntries(bases) };
  const prefix = slug.toUpperCase().replaceAll('-', '_');
  const own = bases.map(([name]): [string, string] => [
    name,
    name === 'api' ? `${prefix}_BASE_URL` : `${prefix}_${name.toUpperCase()}_URL`,
  ]);
  return { keys: [`${prefix}_API_KEY`], bases: Object.fromEntries(own) };
}

/** A server of one's own may have been given a key; nobody else is reached without one. */
function needsKey({ keyless, keyVariables, slug: own }: AdapterDefinition, slug: string): boolean {
  if (keyVariables.length === 0 || keyless === 'always') return false;
  return keyless === undefined || slug === own;
}

function howToConnect(definition: AdapterDefinition, slug: string): string {
  const { keys, bases } = variablesOf(definition, slug);
  const [key] = keys;
  return needsKey(definition, slug) && key !== undefined
    ? `whoever runs this server sets ${key}`
    : `whoever runs this server adds it to PROVIDERS and sets ${bases.api ?? 'its address'}`;
}

function defaultSlugs(env: Env, known: readonly AdapterDefinition[]): string[] {
  const isSet = (name: string) => (env[name] ?? '') !== '';
  const brought = splitList(env.MCP_ACCEPTED_KEY_PREFIXES ?? '').map((item) =>
    item.slice(item.lastIndexOf('=') + 1),
  );
  const configured = known.filter((definition) => {
    const { keys, bases } = variablesOf(definition);
    const isEmulated = isSet('INFERRY_EMULATORS') && definition.presetOf === undefined;
    return isEmulated || brought.includes(definition.slug) || [...keys, ...Object.values(bases)].some(isSet);
  });
  return ['local', ...configured.map(({ slug }) => slug)];
}

function toInstance({
  env,
  definition,
  slug,
  problems,
}: {
  env: Env;
  definition: AdapterDefinition;
  slug: string;
  problems: string[];
}): ProviderInstance {
  const emulators = env.INFERRY_EMULATORS?.replace(/\/+$/, '') || undefined;
  const names = Object.keys(definition.settings ?? {});
  const settings = Object.fromEntries(names.map((name) => [name, env[name] || undefined]));
  const title = slug === definition.slug ? definition.title : `${definition.title} (${slug})`;
  const allowPrivateHosts = env.PROVIDER_PRIVATE_HOSTS === '1' || emulators !== undefined;
  const bases = readBases({ env, definition, slug, problems, emulators });
  const maxCallMs = readCallLimit(env, slug, problems);
  const connection = { needsKey: needsKey(definition, slug), howToConnect: howToConnect(definition, slug) };
  return {
    definition,
    keyVariables: variablesOf(definition, slug).keys,
    options: { slug, title, bases, allowPrivateHosts, settings, maxCallMs, ...connection },
  };
}

/** `<SLUG>_CALL_SECONDS`: the longest that one call which answers by itself may take. */
function readCallLimit(env: Env, slug: string, problems: string[]): number | undefined {
  const name = `${slug.toUpperCase().replaceAll('-', '_')}_CALL_SECONDS`;
  const text = env[name]?.trim();
  if (text === undefined || text === '') return undefined;
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return seconds * 1_000;
  problems.push(`${name}: must be a number of seconds, 1 to 86400`);
  return undefined;
}

function readBases(instance: {
  env: Env;
  definition: AdapterDefinition;
  slug: string;
  problems: string[];
  emulators: string | undefined;
}): AdapterOptions['bases'] {
  const { env, definition, slug, problems, emulators } = instance;
  const variables = variablesOf(definition, slug).bases;
  const bases: AdapterOptions['bases'] = { api: '' };
  for (const [name, { url }] of Object.entries(definition.bases)) {
    const variable = variables[name] ?? '';
    const emulated =
      emulators === undefined
        ? undefined
        : emulatedBase(emulators, definition.presetOf ?? definition.slug, name);
    const base = (env[variable] || undefined) ?? emulated ?? url;
    if (base !== undefined && isHttpUrl(base)) bases[name] = base.replace(/\/+$/, '');
    else if (base !== undefined) problems.push(`${variable}: must be an http or https URL`);
    else if (name === 'api') problems.push(`${variable}: is needed for the provider "${slug}"`);
  }
  return bases;
}

/** Where the emulator of a platform has one of its bases: `/<slug>`, and `/<slug>.<name>` for the others. */
export function emulatedBase(emulators: string, slug: string, name: string): string {
  return `${emulators}/${slug}${name === 'api' ? '' : `.${name}`}`;
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
