import { ConfigError, parseRuntimeConfig, readAll, readEnv, runService } from '@inferry/runtime';
import { createUploadService, parseUploadConfig } from './index.ts';

await runService({
  name: 'upload',
  env: readEnv(),
  needs: { database: true, blobs: true },
  configure: ({ env }) =>
    readAll([
      () => parseUploadConfig(env),
      () => {
        const { publicUrl, uploadInternalUrl } = parseRuntimeConfig(env);
        if (publicUrl === undefined)
          throw new ConfigError(['PUBLIC_URL: must be set, links to files start with it']);
        return { publicUrl, internalUrl: uploadInternalUrl ?? publicUrl };
      },
    ]),
  create: (parts, { settings: [config, urls], secrets }) =>
    createUploadService(parts, { ...config, ...urls, filesSecret: secrets.of('files') }),
});
