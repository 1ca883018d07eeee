import { vi } from 'vitest';

/** As `expect.poll` gets it from `vitest.config.ts`: `vi.waitFor` has no setting for its one second. */
const patienceMs = 10_000;

const waitFor = vi.waitFor.bind(vi);
vi.waitFor = (callback, options = patienceMs) => waitFor(callback, options);
