import type { Env } from '@inferry/runtime';

export interface EmulatedPlatforms {
  /** The environment with every provider at its emulator, and keys that are good there where none is set. */
  env: Env;
  close(): Promise<void>;
}

/**
 * Emulated platforms in this process, for `npm start -- --emulators`, and the console that Runpod's users sign in at: with
 * `INFERRY_AUTH=oauth` it is one of the ways to sign in, where nothing else is said.
 */
export async function startEmulatedPlatforms(env: Env): Promise<EmulatedPlatforms> {
  // Loaded when asked for: nobody else needs the emulators at run time.
  const { emulatorDefinitions, emulatorVariables, openRunpodConsole, startEmulators } = await import(
    '@inferry/testing/emulators'
  );
  const emulators = await startEmulators({ definitions: emulatorDefinitions, now: Date.now });
  const console = await openRunpodConsole({ mint: () => emulators.of('runpod').keys.valid });
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  return {
    env: {
      ...emulatorVariables(emulators),
      ...{ ...console.env, AUTH_DRIVERS: 'local,runpod' },
      ...set,
      INFERRY_EMULATORS: emulators.url,
    },
    async close() {
      await Promise.all([emulators.close(), console.close()]);
    },
  };
}
