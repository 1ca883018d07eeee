import type { Env } from '@inferry/runtime';

export interface EmulatedPlatforms {
  /** The environment with every provider at its emulator, and keys that are good there where none is set. */
  env: Env;
  close(): Promise<void>;
}

/** Emulated platforms in this process, for `npm start -- --emulators`. */
export async function startEmulatedPlatforms(env: Env): Promise<EmulatedPlatforms> {
  // Loaded when asked for: nobody else needs the emulators at run time.
  const { emulatorDefinitions, emulatorVariables, startEmulators } = await import(
    '@inferry/testing/emulators'
  );
  const emulators = await startEmulators({ definitions: emulatorDefinitions, now: Date.now });
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  return {
    env: { ...emulatorVariables(emulators), ...set, INFERRY_EMULATORS: emulators.url },
    close: () => emulators.close(),
  };
}
