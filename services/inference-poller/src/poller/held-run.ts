import type { Principal } from '@inferry/contracts';
import { runProgressed } from '@inferry/contracts';
import { type RunRow, type RunWrite, writeLeasedRun } from '@inferry/database';
import type { JobHandle, JobView } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { statusOf } from '../runs/run-view.ts';

/** Somebody else holds the run now, or it has ended: whoever meets this stops and touches nothing. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** A run that this replica holds the lease of, and the right to change it. */
export interface HeldRun {
  /** As it was read or written last. */
  row: RunRow;
  /** Until when the lease is certain. */
  leasedUntil: number;
  /** False once it is given back or ended. */
  isHeld: boolean;
  /** Aborted when the lease is lost. */
  lost: AbortController;
  /** Whether its job was begun or found here: one that lives in a process lives in this one. */
  hasOwnJob: boolean;
  /** The end of the job with its bytes, between the poll that saw it and its storing. */
  finalView: JobView | undefined;
  /** Called when somebody wants it cancelled, while this replica follows it. */
  onCancelRequested: (() => void) | undefined;
  /** What its provider has told of it, until the next step takes it. */
  told: ToldJob | undefined;
  /** Called with a view that the provider has told, while this replica follows it. */
  onView: ((view: JobView) => void) | undefined;
  /** Something happened at its provider: giving it back, it is due at once. */
  isHastened: boolean;
  /** Until when its platform wants to be left alone with the only key of its owner. */
  slowUntil: number | undefined;
}

/** What a provider tells of a job of its own accord, verified. */
export interface ToldJob {
  handle?: JobHandle | undefined;
  view?: JobView | undefined;
}

export function holdRun(row: RunRow): HeldRun {
  return {
    row,
    leasedUntil: row.lease_until ?? 0,
    isHeld: true,
    lost: new AbortController(),
    hasOwnJob: false,
    finalView: undefined,
    onCancelRequested: undefined,
    told: undefined,
    onView: undefined,
    isHastened: false,
    slowUntil: undefined,
  };
}

/** Whether a paid step may begin: the lease must outlast at least the moment of sending, also when this machine slept. */
export function isLeaseSafe(deps: InferenceDeps, held: HeldRun): boolean {
  const safeUntil = held.leasedUntil - deps.timings.leaseMs / 10;
  return held.isHeld && !held.lost.signal.aborted && latestNow(deps) < safeUntil;
}

/** Now, also when this machine slept since the store was asked. */
export function latestNow(deps: InferenceDeps): number {
  return deps.now() + deps.sleptMs();
}

export function loseRun(held: HeldRun): void {
  held.isHeld = false;
  held.lost.abort();
}

/** Writes a held run, guarded by owner and version, and tells those who wait for it. */
export async function changeRun(deps: InferenceDeps, held: HeldRun, write: RunWrite): Promise<void> {
  const before = held.row;
  const { run_id: runId, version } = before;
  const row = await writeLeasedRun(deps.database, { runId, owner: deps.replica, version }, write);
  if (row === undefined) {
    loseRun(held);
    throw new LeaseLost();
  }
  held.row = row;
  if (write.isRelease === true) held.isHeld = false;
  if (isVisibleChange(before, row)) publishProgress(deps, row);
}

/** Gives a run back until `at`. */
export async function releaseRun(
  deps: InferenceDeps,
  held: HeldRun,
  release: { at: number; patch?: RunWrite['patch']; note?: string },
): Promise<void> {
  const event = release.note === undefined ? {} : { event: { at: deps.now(), note: release.note } };
  const at = held.isHastened ? Math.min(release.at, deps.now()) : release.at;
  if (release.patch === undefined && release.note === undefined) return releaseUnchanged(deps, held, at);
  const patch = { ...release.patch, next_poll_at: at };
  await changeRun(deps, held, { patch, isRelease: true, ...event });
}

async function releaseUnchanged(deps: InferenceDeps, held: HeldRun, at: number): Promise<void> {
  const { run_id: runId, version } = held.row;
  if (!(await deps.releases.release({ runId, version, at }))) {
    loseRun(held);
    throw new LeaseLost();
  }
  held.row = { ...held.row, version: version + 1, next_poll_at: at, lease_owner: null, lease_until: null };
  held.isHeld = false;
}

export function publishProgress(deps: Pick<InferenceDeps, 'bus'>, row: RunRow): void {
  deps.bus.publish(runProgressed, {
    run_id: row.run_id,
    subject: row.subject,
    version: row.version,
    status: statusOf(row),
    ...(row.progress === null ? {} : { progress: row.progress }),
    ...(row.queue_position === null ? {} : { queue_position: row.queue_position }),
  });
}

/** In whose name the poller asks other services about a run. */
export function ownerOf(row: RunRow): Principal {
  return { subject: row.subject, grant_id: row.grant_id, kind: 'api_key', scopes: ['mcp'] };
}

function isVisibleChange(before: RunRow, after: RunRow): boolean {
  const isSame =
    before.status === after.status &&
    before.progress === after.progress &&
    before.queue_position === after.queue_position &&
    before.options === after.options;
  return !isSame;
}
