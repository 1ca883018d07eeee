/** Bounds of histograms of seconds, from a call inside of the system to a long run. */
export const durationBuckets: number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600,
];
