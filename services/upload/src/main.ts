import { ConfigError, deriveSecret, readEnv, runService } from '@inferry/runtime';
import { createUploadService, parseUploadConfig } from './index.ts';

await runService({
  name: 'upload',
  env: readEnv(),
  async create(parts, { config, env, secret }) {
    const { publicUrl } = config;
    if (publicUrl === undefined)
      throw new ConfigError(['PUBLIC_URL: must be set, links to files start with it']);
    return createUploadService(parts, {
      ...parseUploadConfig(env),
      publicUrl,
      internalUrl: config.uploadInternalUrl ?? publicUrl,
      filesSecret: deriveSecret(secret, 'files'),
    });
  },
});
