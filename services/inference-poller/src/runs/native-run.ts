/** A run with what its platform itself said of it: for clients that know that platform's words. */
import type { JsonObject, Run } from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import { type RunViewOptions, toRun } from './run-document.ts';

/** As much text as one answer of a model usually has. */
const maxChars = 20_000;

export function toNativeRun(
  row: RunRow,
  options: Omit<RunViewOptions, 'text'>,
): { run: Run; native?: JsonObject } {
  const run = toRun(row, { ...options, text: { offset: 0, maxChars } });
  // as: the poller writes a JSON object.
  return row.raw === null ? { run } : { run, native: JSON.parse(row.raw) as JsonObject };
}
