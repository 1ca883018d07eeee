/** What each process of a cluster finds in its environment: its own secrets and no others'. */
import { adapters, readProvidersConfig } from '@inferry/providers';
import { type Env, isSecretName, Secret, secretVariables } from '@inferry/runtime';

/** The stores that each service uses; whoever is not here (an additional service) has all. */
const storesOf: Readonly<Record<string, readonly string[]>> = {
  'mcp-gateway': ['NATS_URL', 'REDIS_URL'],
  auth: ['NATS_URL', 'REDIS_URL', 'DATABASE_URL'],
  catalog: ['NATS_URL', 'REDIS_URL', 'DATABASE_URL'],
  'inference-poller': ['NATS_URL', 'REDIS_URL', 'DATABASE_URL'],
  compute: ['NATS_URL', 'REDIS_URL'],
};
const s3Keys = ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'];

/**
 * The environment of one service's processes. `all` is what the deployment has: the secrets in it are handed on to whom
 * they belong, in the form in which they belong to them.
 */
export function processEnv(service: string, all: Env, others: readonly string[]): NodeJS.ProcessEnv {
  const isOurs = (name: string) => !isSecretName(name.replace(/_FILE$/, '')) && !keyVariables.has(name);
  const plain = Object.fromEntries(Object.entries(all).filter(([name]) => isOurs(name)));
  const stores = storesOf[service] ?? ['NATS_URL', 'REDIS_URL', 'DATABASE_URL', ...s3Keys];
  const own =
    service === 'auth' ? Object.keys(all).filter((name) => !isOurs(name) && isForAuth(name)) : stores;
  return {
    ...plain,
    ...Object.fromEntries([...own, ...stores].map((name) => [name, all[name]])),
    ...secretVariables(service, new Secret(all.INFERRY_SECRET ?? ''), others),
  };
}

/** Keys of platforms and the sign-in's: everything but what belongs to stores and to other services. */
function isForAuth(name: string): boolean {
  return !/^(INFERRY_SECRET|BUS_|NATS_|REDIS_|DATABASE_|S3_)/.test(name);
}

const keyVariables = new Set(adapters.flatMap(({ keyVariables: names }) => names));

/** Which providers there are, said once: a service without the keys cannot tell by them. */
export async function namedProviders(env: Env): Promise<string> {
  if (env.PROVIDERS?.trim()) return env.PROVIDERS;
  const { hasLocal, instances } = await readProvidersConfig(env);
  return [...(hasLocal ? ['local'] : []), ...instances.map(({ options }) => options.slug)].join(',');
}
