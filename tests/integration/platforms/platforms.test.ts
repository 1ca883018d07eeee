import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseStartConfig, startCluster, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import { emulatorDefinitions, emulatorVariables, startEmulators } from '@inferry/testing/emulators';
import { describePlatforms, type EmulatedDeployment } from './platform-suite.ts';

describePlatforms('every platform, on the embedded system', async (): Promise<EmulatedDeployment> => {
  const emulators = await startEmulators({ definitions: emulatorDefinitions, now: Date.now });
  const folder = await mkdtemp(join(tmpdir(), 'inferry-platforms-'));
  const env = {
    ...emulatorVariables(emulators),
    INFERRY_HOME: folder,
    PORT: String(await freePort()),
    LOG_LEVEL: 'error',
  };
  const system = await startEmbedded(parseStartConfig(env), env);
  return {
    url: `http://127.0.0.1:${system.port}`,
    emulators,
    async stop() {
      await system.close(5_000);
      await emulators.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});

describePlatforms('every platform, on two replicas of everything', async (): Promise<EmulatedDeployment> => {
  const emulators = await startEmulators({ definitions: emulatorDefinitions, now: Date.now });
  const cluster = await startCluster({
    replicas: 2,
    port: 0,
    auth: 'none',
    env: { PATH: process.env.PATH, LOG_LEVEL: 'error', ...emulatorVariables(emulators) },
    onLine: () => undefined,
  });
  await cluster.ready(90_000);
  return {
    url: cluster.url,
    emulators,
    async stop() {
      await cluster.stop();
      await emulators.close();
    },
  };
});
