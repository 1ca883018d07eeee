/** Every emulated platform through processes of their own, two of each service. */
import { startCluster } from '@inferry/cli';
import { emulatorDefinitions, emulatorVariables, startEmulators } from '@inferry/testing/emulators';
import { describePlatforms, type EmulatedDeployment } from './platform-suite.ts';

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
