import { openProviders } from '@inferry/providers';
import { readEnv, runService } from '@inferry/runtime';
import { createCatalogService, parseCatalogConfig } from './index.ts';

await runService({
  name: 'catalog',
  env: readEnv(),
  async create(parts, { config, env }) {
    const providers = await openProviders(config.extraProviders, {
      onFault: (fault) => parts.log.error(fault, 'a local model failed'),
    });
    return createCatalogService(parts, {
      ...parseCatalogConfig(env),
      providers,
      onReload(reload) {
        process.on('SIGHUP', reload);
        return () => process.off('SIGHUP', reload);
      },
    });
  },
});
