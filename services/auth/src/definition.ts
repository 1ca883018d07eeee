/** `auth` as a part of a deployment: what it needs, what it reads of its environment, and how it is made of both. */
import { type OpenedPlatforms, openPlatforms, readProvidersConfig } from '@inferry/providers';
import { readAll, type ServiceDefinition } from '@inferry/runtime';
import { type AuthorizationOptions, parseAuthorization } from './authorization-options.ts';
import { type AuthConfig, parseAuthConfig } from './config.ts';
import { createAuthService } from './service.ts';
import { readEnvironmentKeys } from './vault/environment-keys.ts';
import { createLocalKeks, readOrCreateKeyRing } from './vault/key-ring.ts';

interface SharedByAuth {
  platforms: OpenedPlatforms;
  /** Keys are stored under a key of its own in this file, where the environment names none. */
  keyRingFile?: string;
}

type Settings = [AuthConfig, OpenedPlatforms, AuthorizationOptions | undefined];

export const authDefinition: ServiceDefinition<Settings, SharedByAuth> = {
  name: 'auth',
  needs: { database: true, blobs: false },
  configure: ({ env, runtime, secrets }, shared) =>
    readAll([
      () => {
        const config = parseAuthConfig(env);
        const file = shared?.keyRingFile;
        if (file === undefined || config.keks !== undefined) return config;
        return { ...config, keks: createLocalKeks(readOrCreateKeyRing(file)) };
      },
      async () => {
        if (shared !== undefined) return shared.platforms;
        // To try keys; the models of this machine need none.
        const platforms = { ...(await readProvidersConfig(env)), hasLocal: false };
        return openPlatforms(platforms, runtime().extraProviders);
      },
      () => parseAuthorization(env, { publicUrl: runtime().publicUrl, secret: secrets().of }),
    ]),
  create: (parts, { settings: [config, { providers, instances }, authorization], env, secrets }) =>
    createAuthService(parts, {
      ...config,
      providers,
      environmentKeys: readEnvironmentKeys(
        env,
        providers.map(({ slug }) => slug),
        instances,
      ),
      authorization,
      fingerprintSecret: secrets.of('fingerprints'),
    }),
};
