import { createHash } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import { parseProvidersConfig, variablesOf } from '@inferry/providers';
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

/**
 * Where the keys of well-known platforms stand beside `<SLUG>_API_KEY`: the names that their own clients read. The
 * adapters of this release tell their own; these are for providers that are added from outside under these names.
 */
const ownVariables: Readonly<Record<string, readonly string[]>> = {
  fal: ['FAL_KEY'],
  replicate: ['REPLICATE_API_TOKEN'],
  huggingface: ['HF_TOKEN'],
};

/** The names of the variables that may hold a provider's keys. */
export function keyVariablesOf(slug: string): readonly string[] {
  const general = `${slug.toUpperCase().replaceAll('-', '_')}_API_KEY`;
  return [...(ownVariables[slug] ?? []), general];
}

/** The keys of these providers; several in one variable stand with commas, the preferred one first. */
export function readEnvironmentKeys(env: Env, slugs: Iterable<string>): EnvironmentKey[] {
  const adapters = new Map(
    parseProvidersConfig(env).instances.map(({ definition, options: { slug } }) => [
      slug,
      variablesOf(definition, slug).keys,
    ]),
  );
  return [...slugs].flatMap((provider) => {
    const variables = new Set([...(adapters.get(provider) ?? []), ...keyVariablesOf(provider)]);
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
