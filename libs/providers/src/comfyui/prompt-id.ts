import { createHash } from 'node:crypto';

/** The UUID of a run's job: it follows from the run alone, and is in lower case as the server wants it. */
export function promptIdOf(runId: string): string {
  const hex = createHash('sha256').update(`inferry/comfyui/${runId}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
