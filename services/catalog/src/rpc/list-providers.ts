import type { Handler } from '@inferry/bus';
import type { listProviders } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';

export function handleListProviders({ providers, accesses }: CatalogDeps): Handler<typeof listProviders> {
  return async (_input, { principal }) => ({ providers: providers.states(await accesses.of(principal)) });
}
