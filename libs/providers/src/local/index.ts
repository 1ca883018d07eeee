export { createLocalProvider, type LocalProviderOptions } from './local-provider.ts';
export type { Fault } from './worker-pool.ts';
