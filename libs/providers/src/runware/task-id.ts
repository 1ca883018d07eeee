import { createHash } from 'node:crypto';

/**
 * The UUID of a run's task (version 4 in form). It follows from the run alone, so that a submit whose reply was lost can
 * be looked up by whoever takes the run over.
 */
export function taskUuidOf(runId: string): string {
  const hex = createHash('sha256').update(`inferry/runware/${runId}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) % 4) + 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
