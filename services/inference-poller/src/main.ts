import { openProviders, readProvidersConfig } from '@inferry/providers';
import { parseRuntimeConfig, readAll, readEnv, runService } from '@inferry/runtime';
import { parseInferenceConfig } from './config.ts';
import { quoteSecretOf } from './runs/quotes.ts';
import { createInferenceService } from './service.ts';

await runService({
  name: 'inference-poller',
  env: readEnv(),
  needs: { database: true, blobs: false },
  configure: ({ env, log }) =>
    readAll([
      () => parseInferenceConfig(env),
      async () => {
        // First: what is wrong with it is told even if something else is wrong as well.
        const config = await readProvidersConfig(env);
        return openProviders(parseRuntimeConfig(env).extraProviders, {
          config,
          log,
        });
      },
    ]),
  async create(parts, { config, settings: [settings, providers], secrets }) {
    const service = await createInferenceService(parts, {
      ...settings,
      providers,
      webhookSecret: secrets.of('webhooks'),
      hookSecret: secrets.of('hooks'),
      quoteSecret: quoteSecretOf(secrets.of('hooks')),
      publicUrl: config.publicUrl,
    });
    return {
      ...service,
      async close() {
        await service.close();
        await Promise.all(providers.map((provider) => provider.close()));
      },
    };
  },
});
