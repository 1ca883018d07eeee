/** `compute` as a part of a deployment: what it needs, what it reads of its environment, and how it is made of both. */
import {
  type ControlPlane,
  type OpenedPlatforms,
  openControlPlanes,
  readProvidersConfig,
} from '@inferry/providers';
import { readAll, type ServiceDefinition } from '@inferry/runtime';
import { readComputeConfig } from './config.ts';
import { createComputeService } from './service.ts';

export const computeDefinition: ServiceDefinition<[ControlPlane[]], OpenedPlatforms> = {
  name: 'compute',
  needs: { database: false, blobs: false },
  configure: ({ env, log }, shared) =>
    readAll([
      async () =>
        openControlPlanes(shared ?? (await readProvidersConfig(env)), { log, ...readComputeConfig(env) }),
    ]),
  create: (parts, { settings: [planes] }) => createComputeService(parts, { planes }),
};
