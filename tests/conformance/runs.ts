export interface SuiteRun {
  title: string;
  /** Of `conformance server`. */
  args: readonly string[];
}

/** Both requirement sets with what they run without scoring it, and the revision that has no set. */
export const runs: readonly SuiteRun[] = [
  { title: '2025-11-25', args: ['--requirements', '2025-11-25'] },
  { title: '2026-07-28', args: ['--requirements', '2026-07-28'] },
  { title: '2025-06-18', args: ['--suite', 'all', '--spec-version', '2025-06-18'] },
  {
    title: '2025-03-26',
    args: ['--scenario', 'server-session-lifecycle', '--spec-version', '2025-03-26'],
  },
];
