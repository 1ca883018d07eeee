import { createHash } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import { type ProviderInstance, parseProvidersConfig } from '@inferry/providers';
import type { Env } from '@inferry/runtime';

/** A key of the whole deployment that stands in the environment and is stored nowhere. */
export interface EnvironmentKey {
  provider: string;
  /** By its place, so that a run goes on with the key that replaced its own. */
  connectionId: string;
  /** The variable, and what tells this value from another one. */
  label: string;
  key: Secret;
}

/** The variable of a provider that an adapter of this release does not know. */
function generalVariable(slug: string): string {
  return `${slug.toUpperCase().replaceAll('-', '_')}_API_KEY`;
}

/**
 * The keys of these providers; several in one variable stand with commas, the preferred one first. `instances` know the
 * variables of theirs; default: the adapters of this release.
 */
export function readEnvironmentKeys(
  env: Env,
  slugs: Iterable<string>,
  instances: readonly ProviderInstance[] = parseProvidersConfig(env).instances,
): EnvironmentKey[] {
  const adapters = new Map(instances.map(({ keyVariables, options: { slug } }) => [slug, keyVariables]));
  return [...slugs].flatMap((provider) => {
    const variables = new Set([...(adapters.get(provider) ?? []), generalVariable(provider)]);
    const keys = [...variables].flatMap((variable) =>
      split(env[variable]).map((text) => ({ variable, text })),
    );
    const unique = keys.filter(({ text }, index) => keys.findIndex((key) => key.text === text) === index);
    return unique.map(({ variable, text }, index) => ({
      provider,
      connectionId: `env_${provider}_${index + 1}`,
      label: `${variable} ${digest(text)}`,
      key: new Secret(text),
    }));
  });
}

function split(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function digest(text: string): string {
  return createHash('sha256').update(`inferry|${text}`).digest('hex').slice(0, 6);
}
