import type { Handler } from '@inferry/bus';
import type { listProviders } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';

export function handleListProviders({ providers }: CatalogDeps): Handler<typeof listProviders> {
  return async () => ({ providers: providers.states() });
}
