import { openProviders, readProvidersConfig } from '@inferry/providers';
import { parseRuntimeConfig, readAll, readEnv, runService } from '@inferry/runtime';
import { createCatalogService, parseCatalogConfig } from './index.ts';

await runService({
  name: 'catalog',
  env: readEnv(),
  needs: { database: true, blobs: false },
  configure: ({ env, log }) =>
    readAll([
      () => parseCatalogConfig(env),
      async () =>
        openProviders(parseRuntimeConfig(env).extraProviders, {
          config: await readProvidersConfig(env),
          log,
          onFault: (fault) => log.error(fault, 'a local model failed'),
        }),
    ]),
  create: (parts, { settings: [config, providers] }) =>
    createCatalogService(parts, {
      ...config,
      providers,
      onReload(reload) {
        process.on('SIGHUP', reload);
        return () => process.off('SIGHUP', reload);
      },
    }),
});
