import { defineConfig } from 'vitest/config';

/** A busy machine gets time: a fact that is polled for is there at once or, when it is not to be, after this. */
const poll = { timeout: 30_000 };

export default defineConfig({
  test: {
    // Tests that load the engine of sign-in by itself: it says that the pinned Node is no LTS release.
    onConsoleLog: (log) => (log.includes('oidc-provider WARNING: Unsupported runtime') ? false : undefined),
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'libs/*/src/**/*.test.ts',
            'services/*/src/**/*.test.ts',
            'cli/src/**/*.test.ts',
            'tests/*.test.ts',
          ],
          maxWorkers: 2,
          // Models compute in some of them, on whatever is left of a busy machine.
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: { poll },
          setupFiles: ['tests/patience.ts'],
        },
      },
      {
        // Calls to the platforms themselves, with keys from the environment: `npm run test:live`.
        test: {
          name: 'live',
          include: ['libs/providers/live/**/*.test.ts'],
          maxWorkers: 1,
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          globalSetup: ['tests/integration/servers.ts'],
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 120_000,
          expect: { poll },
          setupFiles: ['tests/patience.ts'],
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
