import { openProviders } from '@inferry/providers';
import { deriveSecret, readEnv, runService } from '@inferry/runtime';
import { createAuthService, parseAuthConfig, readEnvironmentKeys } from './index.ts';

await runService({
  name: 'auth',
  env: readEnv(),
  async create(parts, { config, env, secret }) {
    const providers = await openProviders(config.extraProviders);
    return createAuthService(parts, {
      ...parseAuthConfig(env),
      providers,
      environmentKeys: readEnvironmentKeys(
        env,
        providers.map(({ slug }) => slug),
      ),
      fingerprintSecret: deriveSecret(secret, 'fingerprints'),
    });
  },
});
