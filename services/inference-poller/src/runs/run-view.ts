import { callOf, getRun, hint, type Run, type RunOutput } from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { z } from 'zod';
import { costOf } from './run-cost.ts';
import { optionsOf, outputsOf } from './run-document.ts';

export interface TextWindow {
  offset: number;
  maxChars: number;
}

/** Keeps a tool result below one kilobyte of text. */
export const shortText: TextWindow = { offset: 0, maxChars: 600 };

export interface RunViewOptions {
  /** Which part of the text outputs is shown; undefined leaves the outputs out. */
  text: TextWindow | undefined;
  /** How long the caller's client usually waits: what a run that goes on is to be asked for next. */
  waitSeconds?: number;
}

/** Shorter than any client is known to wait. */
const safeWaitSeconds = 25;

type RunShape = z.infer<typeof Run>;
type OutputShape = z.infer<typeof RunOutput>;

/** A run as clients see it. */
export function toRun(row: RunRow, { text, waitSeconds }: RunViewOptions): RunShape {
  const isEnded = row.phase === 'done';
  const run: RunShape = { run_id: row.run_id, status: statusOf(row), model: row.model };
  if (row.wrapper !== null) run.wrapper = row.wrapper;
  if (row.client_ref !== null) run.client_ref = row.client_ref;
  if (!isEnded && row.progress !== null) run.progress = row.progress;
  if (!isEnded && row.queue_position !== null) run.queue_position = row.queue_position;
  run.created_at = toRfc3339(row.created_at);
  if (row.finished_at !== null) run.finished_at = toRfc3339(row.finished_at);
  const isWhole = isEnded && text !== undefined;
  if (isWhole) run.outputs = windowOutputs(row, text).outputs;
  const notes = notesOf(row, isWhole);
  if (notes.length > 0) run.notes = notes;
  run.cost = costOf(row);
  // A call that was not to wait says nothing of how long its client would.
  if (!isEnded) {
    run.next_action = hint`${callOf(getRun, { run_id: row.run_id, wait_seconds: waitSeconds || safeWaitSeconds })}`;
  }
  run.upstream = { provider: row.provider };
  if (row.upstream_id !== null) run.upstream.request_id = row.upstream_id;
  if (row.upstream_status !== null) run.upstream.status = row.upstream_status;
  return run;
}

/** Which of several models that do the same it is, and what is to be known of its outputs. */
function notesOf(row: RunRow, isWhole: boolean): string[] {
  const { equal } = optionsOf(row);
  return [
    ...(equal === undefined ? [] : [`${equal.alias} is ${row.model}: ${equal.why}`]),
    ...((isWhole ? outputsOf(row).notes : undefined) ?? []),
  ];
}

/** The outputs with the wanted part of their texts, taken as one text, and where the next part begins. */
export function windowOutputs(
  row: RunRow,
  { offset, maxChars }: TextWindow,
): { outputs: OutputShape[]; nextOffset: number | undefined } {
  const all = outputsOf(row);
  if (!('stored' in all)) return { outputs: [], nextOffset: undefined };
  let position = 0;
  const end = offset + maxChars;
  const outputs = all.stored.map((output) => {
    if (output.text === undefined) return output;
    const from = Math.min(Math.max(offset - position, 0), output.text.length);
    const to = Math.min(Math.max(end - position, 0), output.text.length);
    const isCut = to < output.text.length || output.truncated === true;
    position += output.text.length;
    const { text: _, truncated: __, ...rest } = output;
    return { ...rest, text: output.text.slice(from, to), ...(isCut ? { truncated: true } : {}) };
  });
  return { outputs, nextOffset: position > end ? end : undefined };
}

/** Between the statuses that only the poller tells apart and those that clients know. */
export function statusOf(row: Pick<RunRow, 'status'>): RunShape['status'] {
  // as: this service writes nothing else.
  return row.status as RunShape['status'];
}

export function toRfc3339(at: number): string {
  return new Date(at).toISOString();
}
