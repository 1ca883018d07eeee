/** The end of a run: its status, its charge and its webhook in one transaction, and then the news of it. */
import { type ErrorEnvelope, inWords, plainWords, runFinished } from '@inferry/contracts';
import { endLeasedRun, type RunEnd, type RunRow } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { type Charge, overQuoteOf, settle } from '../runs/run-cost.ts';
import {
  errorOf,
  fromMicros,
  handleOf,
  optionsOf,
  type RunOptions,
  shortText,
  statusOf,
  toRun,
} from '../runs/run-document.ts';
import { type HeldRun, LeaseLost, loseRun, releaseAccess, traceRunEnd } from './held-run.ts';

export interface Ending {
  status: RunEnd['status'];
  note: string;
  patch?: RunEnd['patch'];
  error?: ErrorEnvelope;
  charge: Charge;
}

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
  const options = ending.patch?.options ?? row.options;
  const mayBeUntold = mayCostUntold(deps, row, ending);
  const money = settle({ ...row, options }, { charge: ending.charge, reported, mayBeUntold });
  const { certainty, micros = 0 } = money;
  const overQuote = money.currency === row.currency ? overQuoteOf({ options }, money) : undefined;
  const unsettled = certainty === 'known' ? {} : { unsettled: { certainty, micros } };
  return {
    status: ending.status,
    at,
    note: overQuote === undefined ? ending.note : `${ending.note}; charged beyond its quote`,
    chargeMicros: money.micros,
    certainty,
    chargeCurrency: money.currency,
    patch: {
      ...ending.patch,
      // What is in another currency than the run's stands in the options alone.
      charged_micros: money.currency === row.currency ? money.shown : null,
      options: JSON.stringify({ ...optionsOf({ options }), ...unsettled, ...overQuote } satisfies RunOptions),
      ...(ending.error === undefined ? {} : { error: JSON.stringify(ending.error) }),
      ...(ending.status === 'succeeded' ? { progress: 1 } : {}),
      queue_position: null,
    },
    delivery: row.webhook === null ? undefined : (ended) => toDelivery(ended, at),
  };
}

/** Whether the provider charges such an end without saying what. */
function mayCostUntold(deps: InferenceDeps, row: RunRow, { status, patch, error }: Ending): boolean {
  const provider = deps.providers.get(row.provider);
  const upstreamStatus = patch?.upstream_status ?? row.upstream_status ?? '';
  return (
    provider?.mayCostUntold?.({ nativeId: row.native_id, status, upstreamStatus, code: error?.code }) === true
  );
}

export function announceEnd(deps: InferenceDeps, row: RunRow): void {
  const { run_id, subject, version, model, provider } = row;
  const { submitted_at: sentAt, finished_at: endedAt } = row;
  const took = sentAt === null || endedAt === null ? {} : { duration_ms: Math.max(0, endedAt - sentAt) };
  deps.bus.publish(runFinished, {
    run_id,
    subject,
    version,
    status: statusOf(row),
    model,
    provider,
    ...took,
    ...(row.webhook !== null && { has_webhook: true }),
  });
  const charged = row.charged_micros === null ? undefined : fromMicros(row.charged_micros);
  if (row.batch_id !== null) deps.batches.wake(row.batch_id);
  void releaseAccess(deps, row);
  if (row.handle !== null) deps.providers.get(row.provider)?.forget?.(handleOf(row));
  traceRunEnd(row, charged, () => deps.metrics.ended(row));
  const { overQuoteMicros } = optionsOf(row);
  if (overQuoteMicros !== undefined) {
    const beyond = { runId: run_id, provider, model, overQuote: fromMicros(overQuoteMicros), charged };
    deps.log.warn(beyond, 'a platform charged more than the quote that was signed');
  }
  const durationMs = (row.finished_at ?? row.created_at) - row.created_at;
  deps.log.info({ runId: run_id, model, status: row.status, durationMs, charged }, 'run finished');
}

function toDelivery(row: RunRow, at: number): ReturnType<NonNullable<RunEnd['delivery']>> {
  if (row.webhook === null) return undefined;
  const error = errorOf(row);
  const body = { run: toRun(row, { text: shortText }), ...(error === undefined ? {} : { error }) };
  return {
    // One message per run: a receiver tells repetitions by it.
    delivery_id: `msg_${row.run_id.replace(/^run_/, '')}`,
    url: row.webhook,
    // Whoever is told has no profile.
    body: inWords(JSON.stringify(body), plainWords),
    attempts: 0,
    created_at: at,
    last_attempt_at: null,
    last_problem: null,
    next_attempt_at: at,
    lease_until: null,
    delivered_at: null,
    last_status: null,
  };
}
