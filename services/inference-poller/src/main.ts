import { openProviders } from '@inferry/providers';
import { deriveSecret, readEnv, runService } from '@inferry/runtime';
import { parseInferenceConfig } from './config.ts';
import { createInferenceService } from './service.ts';

await runService({
  name: 'inference-poller',
  env: readEnv(),
  async create(parts, { config, env, secret }) {
    const { maxSteps, ...settings } = parseInferenceConfig(env);
    const providers = await openProviders(config.extraProviders);
    const service = await createInferenceService(parts, {
      ...settings,
      providers,
      webhookSecret: deriveSecret(secret, 'webhooks'),
      hookSecret: deriveSecret(secret, 'hooks'),
      publicUrl: config.publicUrl,
      limits: { maxSteps },
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
