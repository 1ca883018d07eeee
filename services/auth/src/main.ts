import { openProviders, parseProvidersConfig } from '@inferry/providers';
import { deriveSecret, readEnv, runService } from '@inferry/runtime';
import { createAuthService, parseAuthConfig, parseAuthorization, readEnvironmentKeys } from './index.ts';

await runService({
  name: 'auth',
  env: readEnv(),
  async create(parts, { config, env, secret }) {
    // To try keys; the models of this machine need none.
    const platforms = { ...parseProvidersConfig(env), hasLocal: false };
    const providers = await openProviders(config.extraProviders, { config: platforms });
    return createAuthService(parts, {
      ...parseAuthConfig(env),
      providers,
      environmentKeys: readEnvironmentKeys(
        env,
        providers.map(({ slug }) => slug),
      ),
      authorization: parseAuthorization(env, { publicUrl: config.publicUrl, secret }),
      fingerprintSecret: deriveSecret(secret, 'fingerprints'),
    });
  },
});
