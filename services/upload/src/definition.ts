/** `upload` as a part of a deployment: what it needs, what it reads of its environment, and how it is made of both. */
import { ConfigError, readAll, type ServiceDefinition } from '@inferry/runtime';
import { parseUploadConfig, type UploadConfig } from './config.ts';
import { createUploadService } from './service.ts';

export const uploadDefinition: ServiceDefinition<[UploadConfig, { publicUrl: string; internalUrl: string }]> =
  {
    name: 'upload',
    needs: { database: true, blobs: true },
    configure: ({ env, runtime }) =>
      readAll([
        () => parseUploadConfig(env),
        () => {
          const { publicUrl, uploadInternalUrl } = runtime();
          if (publicUrl === undefined)
            throw new ConfigError(['PUBLIC_URL: must be set, links to files start with it']);
          return { publicUrl, internalUrl: uploadInternalUrl ?? publicUrl };
        },
      ]),
    create: (parts, { settings: [config, urls], secrets }) =>
      createUploadService(parts, { ...config, ...urls, filesSecret: secrets.of('files') }),
  };
