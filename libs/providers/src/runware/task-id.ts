import { createHash } from 'node:crypto';

/**
 * The UUID of a run's task (version 4 in form). It follows from the run and the count of its submits, so that one whose
 * reply was lost can be looked up by whoever takes the run over, and no two submits ever have the same.
 */
export function taskUuidOf(runId: string, attempt = 1): string {
  const again = attempt === 1 ? '' : `/${attempt}`;
  const hex = createHash('sha256').update(`inferry/runware/${runId}${again}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) % 4) + 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
