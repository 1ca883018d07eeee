import type { AdapterDefinition } from './definition.ts';

/** Every built-in adapter besides the local models, in the order of the documentation. One line each. */
export const adapters: readonly AdapterDefinition[] = [];
