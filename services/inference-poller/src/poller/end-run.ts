import { type ErrorEnvelope, runFinished } from '@inferry/contracts';
import { endLeasedRun, type RunEnd, type RunRow } from '@inferry/database';
import type { JobView } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { errorOf, fromMicros, optionsOf, toMicros } from '../runs/run-document.ts';
import { shortText, statusOf, toRun } from '../runs/run-view.ts';
import { traceRunEnd } from './call-provider.ts';
import { type HeldRun, LeaseLost, loseRun } from './held-run.ts';
import { releaseAccess } from './provider-access.ts';

export interface Ending {
  status: RunEnd['status'];
  note: string;
  patch?: RunEnd['patch'];
  error?: ErrorEnvelope;
  charge: Charge;
}

/**
 * What a run costs.
 * - `reported`: the provider's figure, else nothing.
 * - `quoted`: the provider's figure, else the quote; a run that ends well costs what it was quoted at.
 * - `assumed`: nobody knows whether the provider charged, so the budget keeps counting the most it could be, and the
 *   run shows no settled amount.
 * - `none`: nothing was sent.
 */
export type Charge = 'reported' | 'quoted' | 'assumed' | 'none';

/** Ends a held run in one transaction, then tells whoever waits. */
export async function endRun(deps: InferenceDeps, held: HeldRun, ending: Ending): Promise<void> {
  const { run_id: runId, version } = held.row;
  const lease = { runId, owner: deps.replica, version };
  const row = await endLeasedRun(deps.database, lease, toRunEnd(deps, held.row, ending));
  if (row === undefined) {
    loseRun(held);
    throw new LeaseLost();
  }
  held.row = row;
  held.isHeld = false;
  announceEnd(deps, row);
}

export function toRunEnd(deps: InferenceDeps, row: RunRow, ending: Ending): RunEnd {
  const at = deps.now();
  const reported = ending.patch?.charged_micros ?? row.charged_micros;
  const money = settle(row, ending.charge, reported);
  return {
    status: ending.status,
    at,
    note: ending.note,
    chargeMicros: money.budget,
    patch: {
      ...ending.patch,
      charged_micros: money.shown,
      ...(ending.error === undefined ? {} : { error: JSON.stringify(ending.error) }),
      ...(ending.status === 'succeeded' ? { progress: 1 } : {}),
      queue_position: null,
    },
    delivery: (ended) => toDelivery(ended, at),
  };
}

export function announceEnd(deps: InferenceDeps, row: RunRow): void {
  const { run_id, subject, version, model, provider } = row;
  deps.bus.publish(runFinished, { run_id, subject, version, status: statusOf(row), model, provider });
  const charged = row.charged_micros === null ? undefined : fromMicros(row.charged_micros);
  void releaseAccess(deps, row);
  traceRunEnd(row, charged);
  deps.metrics.ended(row);
  const durationMs = (row.finished_at ?? row.created_at) - row.created_at;
  deps.log.info({ runId: run_id, model, status: row.status, durationMs, charged }, 'run finished');
}

/** Notes the provider's own figure, so that it survives until the run ends. */
export function chargedPatch(row: RunRow, view: JobView): { charged_micros?: number } {
  if (view.charged === undefined || view.charged.currency !== row.currency) return {};
  const { amount } = view.charged;
  return Number.isFinite(amount) && amount >= 0 ? { charged_micros: toMicros(amount) } : {};
}

function settle(
  row: RunRow,
  charge: Charge,
  reported: number | null,
): { budget: number | undefined; shown: number | null } {
  if (charge === 'none') return { budget: undefined, shown: null };
  if (reported !== null) return { budget: reported, shown: reported };
  const most = row.estimated_micros ?? 0;
  if (charge === 'reported') return { budget: 0, shown: 0 };
  const isPrice = charge === 'quoted' && optionsOf(row).isExactQuote && row.estimated_micros !== null;
  return { budget: most, shown: isPrice ? most : null };
}

function toDelivery(row: RunRow, at: number): ReturnType<RunEnd['delivery']> {
  if (row.webhook === null) return undefined;
  const error = errorOf(row);
  const body = { run: toRun(row, { text: shortText }), ...(error === undefined ? {} : { error }) };
  return {
    // One message per run: a receiver tells repetitions by it.
    delivery_id: `msg_${row.run_id.replace(/^run_/, '')}`,
    url: row.webhook,
    body: JSON.stringify(body),
    attempts: 0,
    next_attempt_at: at,
    lease_until: null,
    delivered_at: null,
    last_status: null,
  };
}
