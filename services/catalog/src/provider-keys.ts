import { AppError, type Principal, type Secret } from '@inferry/contracts';
import type { ProviderContext } from '@inferry/providers';

/** A key for a provider, and where it is used. */
export interface ProviderKey {
  credential: Secret;
  connectionId: string;
  baseUrl?: string | undefined;
  owner?: 'deployment' | 'team' | 'user' | undefined;
}

/** Where keys come from: `CredentialClient` of `@inferry/credentials` is one. */
export interface ProviderKeys {
  /** The holder's key: their own, else their team's, else the deployment's; undefined when there is none. */
  get(
    provider: string,
    holder: Pick<Principal, 'subject' | 'grant_id'> & Partial<Principal>,
    options?: { signal?: AbortSignal },
  ): Promise<ProviderKey | undefined>;
}

export const noKeys: ProviderKeys = { get: async () => undefined };

/** Nobody signs in under this name, so that it has the deployment's keys and no others. */
const deployment = { subject: 'inferry:catalog', grant_id: 'inferry:catalog', kind: 'local' as const };

/**
 * What a call to a provider carries on behalf of this deployment. A provider whose key cannot be asked for now is asked
 * without one: many lists are public, and a refusal says so itself.
 */
export async function deploymentContext(
  keys: ProviderKeys,
  provider: string,
  signal: AbortSignal,
): Promise<ProviderContext> {
  const key = await keys.get(provider, deployment, { signal }).catch((error: unknown) => {
    if (error instanceof AppError) return undefined;
    throw error;
  });
  return toContext(key, signal);
}

export function toContext(key: ProviderKey | undefined, signal: AbortSignal): ProviderContext {
  if (key === undefined) return { signal };
  const { credential, baseUrl } = key;
  return { signal, credential, ...(baseUrl === undefined ? {} : { baseUrl }) };
}
