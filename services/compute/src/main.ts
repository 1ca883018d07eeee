/** The compute service as a process of its own. */
import { openControlPlanes, readProvidersConfig } from '@inferry/providers';
import { readAll, readEnv, runService } from '@inferry/runtime';
import { readComputeConfig } from './config.ts';
import { createComputeService } from './index.ts';

await runService({
  name: 'compute',
  env: readEnv(),
  needs: { database: false, blobs: false },
  configure: ({ env, log }) =>
    readAll([
      async () => openControlPlanes(await readProvidersConfig(env), { log, ...readComputeConfig(env) }),
    ]),
  create: async (parts, { settings: [planes] }) => createComputeService(parts, { planes }),
});
