export interface SuiteRun {
  title: string;
  /** Of `conformance server`. */
  args: readonly string[];
  /** How many scenarios that is: one that did not run is no pass. */
  scenarios: number;
}

/** The requirement sets have no extensions: those of SEP-2640 are asked for by name, in both eras. */
const skillRuns: readonly SuiteRun[] = ['enumeration', 'manifest', 'directory'].flatMap((part) =>
  ['2026-07-28', '2025-11-25'].map((version) => ({
    title: `skills ${part}, ${version}`,
    args: ['--scenario', `sep-2640-skills-${part}`, '--spec-version', version, '--force'],
    scenarios: 1,
  })),
);

/** Both requirement sets with what they run without scoring it, and the revision that has no set. */
export const runs: readonly SuiteRun[] = [
  { title: '2025-11-25', args: ['--requirements', '2025-11-25'], scenarios: 33 },
  { title: '2026-07-28', args: ['--requirements', '2026-07-28'], scenarios: 50 },
  { title: '2025-06-18', args: ['--suite', 'all', '--spec-version', '2025-06-18'], scenarios: 27 },
  {
    title: '2025-03-26',
    args: ['--scenario', 'server-session-lifecycle', '--spec-version', '2025-03-26'],
    scenarios: 1,
  },
  ...skillRuns,
];
