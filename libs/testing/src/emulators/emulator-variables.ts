import { adapters, variablesOf } from '@inferry/providers';
import type { Emulators } from './kit/index.ts';

/** The environment of a deployment whose platforms are all emulated: where they are, and a good key of each. */
export function emulatorVariables(emulators: Emulators): Record<string, string> {
  const keys = adapters.flatMap((definition) => {
    const emulator = emulators.all().find((candidate) => candidate.definition.slug === definition.slug);
    const [variable] = variablesOf(definition).keys;
    return emulator === undefined || variable === undefined ? [] : [[variable, emulator.keys.valid]];
  });
  return { INFERRY_EMULATORS: emulators.url, ...Object.fromEntries(keys) };
}
