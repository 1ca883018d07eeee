import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A busy machine gets time: a fact that is polled for is there at once or, when it is not to be, after this. */
const poll = { timeout: 30_000 };

/** Of two that run beside each other, whatever takes longest begins first: nothing long is left for the end. */
const longest = [
  'platforms/embedded',
  'paid-once-stores',
  'failures',
  'paid-once.test',
  'clients.test',
  'platforms/replicas',
  'sign-in/looks',
  'run-view',
  'paid-once-embedded',
  'frozen-replica',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((part) => moduleId.includes(`tests/integration/${part}`));
      return found === -1 ? longest.length : found;
    };
    return (await super.sort(files)).toSorted((left, right) => rank(left) - rank(right));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
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
        // The built images on a container engine: `npm run test:containers`.
        test: {
          name: 'containers',
          include: ['tests/containers/**/*.test.ts'],
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 600_000,
          expect: { poll },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          globalSetup: ['tests/integration/servers.ts'],
          // Most of their time is waiting: for a lease to run out, for a platform, for a process to start. Each file that needs
          // a cluster has one with servers of its own; the shared ones hold a database, a prefix or a subject for each.
          maxWorkers: 2,
          testTimeout: 120_000,
          expect: { poll },
          setupFiles: ['tests/patience.ts'],
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
