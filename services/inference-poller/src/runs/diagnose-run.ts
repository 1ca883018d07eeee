import type { RunRow } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { certainAt } from '../timings.ts';
import { optionsOf, toRfc3339 } from './run-document.ts';

const patienceMs = 30_000;
const failuresWorthTelling = 3;
const overdueMs = 15_000;

/** Why a run does not get on, if it does not; undefined when all is well. */
export function diagnoseRun(
  deps: Pick<InferenceDeps, 'providers' | 'now' | 'timings'>,
  row: RunRow,
): string | undefined {
  if (row.phase === 'done') return undefined;
  const provider = deps.providers.get(row.provider);
  if (provider === undefined)
    return `${row.provider} is not connected here. The run ends at ${deadline(row)}.`;
  const ready = provider.ready();
  if (!ready.isReady) return `${provider.title} is not ready. ${ready.note ?? ''}`.trim();
  const now = deps.now();
  if (row.next_poll_at !== null && now - row.next_poll_at > overdueMs && isFree(row, now)) {
    const seconds = Math.round((now - row.next_poll_at) / 1_000);
    return `No poller has taken it for ${seconds} s: the inference service may be down or overloaded.`;
  }
  return diagnosePhase(row, { now, title: provider.title, sureAt: certainAt(deps, row, provider) });
}

/** Nothing is lost and nothing is wrong with it: it waits for what can be known. */
function diagnoseSubmit(
  row: RunRow,
  { title, sureAt }: { title: string; sureAt: number },
): string | undefined {
  const { replyLost, absences } = optionsOf(row);
  if (row.poll_attempts === 0 && replyLost !== true) return undefined;
  const state =
    absences !== undefined
      ? `${title} does not list it yet, and could still take it`
      : `${title} has not yet said whether it took it`;
  return `The reply of the submit was lost: ${state}. It is asked again ${next(row)}; before ${toRfc3339(sureAt)} nothing is sent a second time or given up.`;
}

function diagnosePhase(
  row: RunRow,
  { now, title, sureAt }: { now: number; title: string; sureAt: number },
): string | undefined {
  const failures = row.poll_attempts;
  const hasFailures = failures >= failuresWorthTelling;
  switch (row.phase) {
    case 'queued':
      if (row.next_poll_at === null) return 'It waits for its turn in its batch.';
      if (failures > 0) return `${title} has had no room ${failures} time(s); tried again ${next(row)}.`;
      return now - row.created_at > patienceMs
        ? `It has waited for a poller since ${toRfc3339(row.created_at)}.`
        : undefined;
    case 'submitting':
      return diagnoseSubmit(row, { title, sureAt });
    case 'running':
      if (hasFailures)
        return `The last ${failures} polls failed; tried again ${next(row)}, until ${deadline(row)}.`;
      return row.status === 'queued' && now - (row.submitted_at ?? now) > patienceMs
        ? `${title} took it and has it in its own queue.`
        : undefined;
    case 'storing':
      return failures > 0
        ? `It has finished; storing its outputs failed ${failures} time(s), tried again ${next(row)}.`
        : undefined;
    default:
      return undefined;
  }
}

function isFree(row: RunRow, now: number): boolean {
  return row.lease_until === null || row.lease_until < now;
}

function next(row: RunRow): string {
  return row.next_poll_at === null ? 'soon' : `at ${toRfc3339(row.next_poll_at)}`;
}

function deadline(row: RunRow): string {
  return toRfc3339(row.deadline_at);
}
