import type { HandlerContext } from '@inferry/bus';
import type { RunRow, RunState } from '@inferry/database';

const first = 0.02;
const last = 0.98;

/**
 * Turns a run's states into progress that only grows, whatever the provider reports. The first step comes at once
 * and carries the run's id, so that a caller whose service dies knows what to ask for.
 */
export function reportProgress(
  context: Pick<HandlerContext, 'progress'>,
  row: RunRow,
  { withNative = false }: { withNative?: boolean | undefined } = {},
): (state: RunState | undefined) => void {
  const data = { run_id: row.run_id, ...(withNative && { with_native: 'true' }) };
  let shown = 0;
  let message = messageOf(row);
  context.progress({ progress: 0, message, data });

  function finish(): void {
    if (shown < 1) context.progress({ progress: 1, message, data });
    shown = 1;
  }

  return (state) => {
    if (state !== undefined) message = messageOf(state);
    // A bar that stops short of its end looks broken.
    if (state?.status === 'succeeded') return finish();
    const reported = first + (last - first) * Math.min(Math.max(state?.progress ?? 0, 0), 1);
    // Without news of its own a step still has to be larger than the one before (MCP 2026-07-28, progress).
    const next = Math.max(reported, shown + (last - shown) / 200);
    if (next <= shown) return;
    shown = next;
    context.progress({ progress: shown, message, data });
  };
}

function messageOf({
  status,
  progress,
  queue_position: position,
}: Pick<RunRow, 'status' | 'progress' | 'queue_position'>): string {
  if (status === 'queued') return position === null ? 'queued' : `queued, position ${position}`;
  return progress === null ? status : `${status}, ${Math.round(progress * 100)} %`;
}
