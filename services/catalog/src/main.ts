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
      async () => {
        const platforms = await readProvidersConfig(env);
        const providers = await openProviders(parseRuntimeConfig(env).extraProviders, {
          config: platforms,
          log,
          onFault: (fault) => log.error(fault, 'a local model failed'),
        });
        return { platforms, providers };
      },
    ]),
  create: (parts, { settings: [config, { platforms, providers }] }) =>
    createCatalogService(parts, {
      ...config,
      providers,
      known: platforms.known,
      onReload(reload) {
        process.on('SIGHUP', reload);
        return () => process.off('SIGHUP', reload);
      },
    }),
});
