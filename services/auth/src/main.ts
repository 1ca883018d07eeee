import { openProviders, readProvidersConfig } from '@inferry/providers';
import { parseRuntimeConfig, readAll, readEnv, readSecrets, runService } from '@inferry/runtime';
import { createAuthService, parseAuthConfig, parseAuthorization, readEnvironmentKeys } from './index.ts';

await runService({
  name: 'auth',
  env: readEnv(),
  needs: { database: true, blobs: false },
  configure: ({ env }) =>
    readAll([
      () => parseAuthConfig(env),
      async () => {
        // To try keys; the models of this machine need none.
        const platforms = { ...(await readProvidersConfig(env)), hasLocal: false };
        const { extraProviders } = parseRuntimeConfig(env);
        return { platforms, providers: await openProviders(extraProviders, { config: platforms }) };
      },
      () =>
        parseAuthorization(env, {
          publicUrl: parseRuntimeConfig(env).publicUrl,
          secret: readSecrets('auth', env).of,
        }),
    ]),
  create: (parts, { settings: [config, { platforms, providers }, authorization], env, secrets }) =>
    createAuthService(parts, {
      ...config,
      providers,
      environmentKeys: readEnvironmentKeys(
        env,
        providers.map(({ slug }) => slug),
        platforms.instances,
      ),
      authorization,
      fingerprintSecret: secrets.of('fingerprints'),
    }),
});
