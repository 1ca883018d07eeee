import { openProviders } from '@inferry/providers';
import { deriveSecret, readEnv, runService } from '@inferry/runtime';
import { createInferenceService } from './index.ts';

await runService({
  name: 'inference-poller',
  env: readEnv(),
  async create(parts, { config, secret }) {
    const providers = await openProviders(config.extraProviders, {
      onFault: (fault) => parts.log.error(fault, 'a local model failed'),
    });
    return createInferenceService(parts, { providers, webhookSecret: deriveSecret(secret, 'webhooks') });
  },
});
