/** What one bench measured: figures for machines, lines for people. */
export interface BenchResult {
  figures: Record<string, unknown>;
  lines: string[];
}

export interface BenchOptions {
  /** Shorter and fewer runs, and only the most telling peers. */
  isQuick: boolean;
}

export type Bench = (options: BenchOptions) => Promise<BenchResult>;

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which `share` of the values lie (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
