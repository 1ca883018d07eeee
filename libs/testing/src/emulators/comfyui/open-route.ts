import type { EmulatedRoute, Emulator } from '../kit/index.ts';

/** A route that needs a key only while there is a proxy that asks for one. */
export function behindProxy(emulator: Emulator, route: Omit<EmulatedRoute, 'isOpen'>): EmulatedRoute {
  return {
    ...route,
    get isOpen() {
      return emulator.quirks.has('open');
    },
  };
}
