/** The catalog as a part of a deployment: what it needs, what it reads of its environment, and how it is made of both. */
import { type OpenedPlatforms, openPlatforms, readProvidersConfig } from '@inferry/providers';
import { readAll, type ServiceDefinition } from '@inferry/runtime';
import { type CatalogConfig, parseCatalogConfig } from './config.ts';
import { createCatalogService } from './service.ts';

export const catalogDefinition: ServiceDefinition<[CatalogConfig, OpenedPlatforms], OpenedPlatforms> = {
  name: 'catalog',
  needs: { database: true, blobs: false },
  configure: ({ env, log, runtime }, shared) =>
    readAll([
      () => parseCatalogConfig(env),
      async () => {
        if (shared !== undefined) return shared;
        const onFault = (fault: object) => log.error(fault, 'a local model failed');
        return openPlatforms(await readProvidersConfig(env), runtime().extraProviders, { log, onFault });
      },
    ]),
  create: (parts, { settings: [config, { providers, known }], onHangUp: onReload }) =>
    createCatalogService(parts, { ...config, providers, known, onReload }),
};
