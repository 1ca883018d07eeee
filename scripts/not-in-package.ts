import { ConfigError } from '@inferry/runtime';

/** Stands for the tests' packages in the published one: whatever is asked of them is answered with where to find it. */
function refuse(): never {
  throw new ConfigError([
    'this needs the repository: git clone it, then node scripts/run.mjs start --emulators, or node scripts/run.mjs cluster',
  ]);
}

export const emulatorDefinitions: readonly never[] = [];
export const [emulatorVariables, startEmulators, startNats, startPostgres, startRedis] = Array.from(
  { length: 5 },
  () => refuse,
);
