/** Batches and their runs as clients see them. */
import {
  type Batch,
  type BatchItem,
  type batchStatuses,
  callOf,
  clip,
  getBatch,
  hint,
  type JsonObject,
  type RunCost,
} from '@inferry/contracts';
import type { BatchRow, BatchState, RunRow } from '@inferry/database';
import { errorOf, fromMicros, outputsOf, shownInputOf, statusOf, toRfc3339 } from '../runs/run-document.ts';

const safeWaitSeconds = 25;
const maxValueChars = 60;
const maxTextChars = 80;

/** What was made of the batch beside its runs. */
export interface BatchFiles {
  sheet?: { url: string; asset_id: string; mime_type: string };
  table?: { url: string; asset_id: string; mime_type: string };
}

export function toBatch(
  row: BatchRow,
  state: BatchState,
  { files = {}, waitSeconds }: { files?: BatchFiles; waitSeconds?: number } = {},
): Batch {
  const status = statusOfBatch(row, state);
  const next = nextOf(row, { status, state, waitSeconds });
  return {
    batch_id: row.batch_id,
    status,
    model: row.model,
    ...(row.client_ref === null ? {} : { client_ref: clip(row.client_ref, 60) }),
    total: row.total,
    counts: { ...state.counts },
    cost: { ...costOf(row, state) },
    ...(row.max_cost_micros === null ? {} : { max_cost: fromMicros(row.max_cost_micros) }),
    ...(row.stopped === null ? {} : { stopped: row.stopped }),
    created_at: toRfc3339(row.created_at),
    ...(row.finished_at === null ? {} : { finished_at: toRfc3339(row.finished_at) }),
    ...(files.sheet === undefined ? {} : { sheet: files.sheet.url }),
    ...(files.table === undefined ? {} : { table: files.table.url }),
    ...(next === undefined ? {} : { next_action: next }),
  };
}

/** It is over when its runs are: what was given up may go on after all. */
export function statusOfBatch(
  { cancel_requested_at: cancelled, finished_at: finished }: BatchRow,
  { counts, waiting, underWay }: BatchState,
): (typeof batchStatuses)[number] {
  if (waiting + underWay > 0 || finished === null) return 'running';
  const { succeeded = 0, cancelled: notRun = 0, failed = 0, expired = 0 } = counts;
  if (cancelled !== null && notRun > 0) return 'cancelled';
  if (failed + expired + notRun === 0) return 'succeeded';
  return succeeded === 0 ? 'failed' : 'partial';
}

function costOf(row: BatchRow, state: BatchState): RunCost {
  const { estimatedMicros, heldMicros, chargedMicros, assumedMicros, unknownRuns } = state;
  return {
    currency: row.currency,
    ...(estimatedMicros > 0 && { estimated: fromMicros(estimatedMicros) }),
    ...(heldMicros > 0 && { reserved: fromMicros(heldMicros) }),
    charged: fromMicros(chargedMicros - assumedMicros),
    ...(assumedMicros > 0 && { assumed: fromMicros(assumedMicros) }),
    ...(unknownRuns > 0 && { unknown: true }),
  };
}

function nextOf(
  { batch_id: id }: BatchRow,
  { status, state, waitSeconds }: { status: string; state: BatchState; waitSeconds: number | undefined },
): string | undefined {
  if (status === 'running')
    return hint`${callOf(getBatch, { batch_id: id, wait_seconds: waitSeconds || safeWaitSeconds })}`;
  const { failed = 0 } = state.counts;
  return failed > 0
    ? hint`${callOf(getBatch, { batch_id: id, status: 'failed' })} for those that failed`
    : undefined;
}

/** One run of a batch: what is its own, and what came of it. */
export function toItem(row: RunRow, varied: readonly string[]): BatchItem {
  const all = outputsOf(row);
  const [output] = row.phase === 'done' && 'stored' in all ? all.stored : [];
  const error = errorOf(row);
  const input = shownInputOf(row);
  const own = varied.filter((name) => Object.hasOwn(input, name)).map((name) => [name, shown(input[name])]);
  return {
    index: row.batch_index ?? 0,
    run_id: row.run_id,
    status: statusOf(row),
    ...(own.length === 0 ? {} : { input: Object.fromEntries(own) }),
    ...(output?.url === undefined ? {} : { url: output.url }),
    ...(output?.text === undefined ? {} : { text: clip(output.text, maxTextChars) }),
    ...(error === undefined ? {} : { error: clip(`[${error.code}] ${error.message}`, 160) }),
  };
}

function shown(value: unknown): unknown {
  if (typeof value === 'string') return clip(value, maxValueChars);
  if (typeof value !== 'object' || value === null) return value;
  return clip(JSON.stringify(value), maxValueChars);
}

export function variedOf({ varied }: BatchRow): string[] {
  // as: this service wrote it.
  return JSON.parse(varied) as string[];
}

/** A line for each run: what went in, what came out, what it cost. */
export function toTable(rows: readonly RunRow[], varied: readonly string[]): string {
  const head = ['index', ...varied, 'status', 'output', 'charged', 'currency', 'seconds', 'error', 'run_id'];
  const lines = rows.map((row) => {
    const input: JsonObject = shownInputOf(row);
    const all = outputsOf(row);
    const outputs = row.phase === 'done' && 'stored' in all ? all.stored : [];
    const error = errorOf(row);
    const seconds = row.finished_at === null ? '' : ((row.finished_at - row.created_at) / 1_000).toFixed(1);
    return [
      row.batch_index ?? 0,
      ...varied.map((name) => input[name] ?? ''),
      row.status,
      outputs.map(({ url, text }) => url ?? text ?? '').join(' '),
      row.charged_micros === null ? '' : fromMicros(row.charged_micros),
      row.currency,
      seconds,
      error === undefined ? '' : `${error.code}: ${error.message}`,
      row.run_id,
    ].map(cell);
  });
  return `${[head.map(cell), ...lines].map((cells) => cells.join(',')).join('\r\n')}\r\n`;
}

/** RFC 4180. What a spreadsheet would take for a formula is a text. */
function cell(value: unknown): string {
  const said = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
  const plain = /^[=+@\t\r]|^-[^\d.]/.test(said) ? `'${said}` : said;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
