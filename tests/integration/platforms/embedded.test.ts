/** Every emulated platform through the whole system in one process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseStartConfig, startEmbedded } from '@inferry/cli';
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
