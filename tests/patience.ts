import { vi } from 'vitest';

/** As `expect.poll` gets it from `vitest.config.ts`: `vi.waitFor` has no setting for its one second. */
const patienceMs = 30_000;

const waitFor = vi.waitFor.bind(vi);
/** A test may ask for more; less than this depends on how busy the machine is. */
vi.waitFor = (callback, options = {}) => {
  const { timeout = 0, ...others } = typeof options === 'number' ? { timeout: options } : options;
  return waitFor(callback, { ...others, timeout: Math.max(timeout, patienceMs) });
};
