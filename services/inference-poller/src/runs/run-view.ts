/** A run as a caller sees it: whole, or so short that it costs an agent little. */
import {
  callOf,
  clip,
  getRun,
  hint,
  isShort,
  mostThatIsShort,
  type Run,
  type RunOutput,
} from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { z } from 'zod';
import { costOf } from './run-cost.ts';
import { optionsOf, outputsOf } from './run-document.ts';

interface TextWindow {
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

// A run that costs an agent little: whole where it fits a kilobyte, else with what is needed to use it, and with the call
// that has the rest. Whoever asks for more gets it from `toRun`.

/** What of a long text one more call is to bring. */
const restChars = 20_000;
const maxTextChars = 900;
const maxListedText = 80;
const maxListedOutputs = 2;

/** Room for what results say beside the run. */
const marginText = 'Same client_ref: this is the existing run. Cancel: already_finished. It had finished.';

/** A run as calls show it that do not say how much of it they want. */
export function toShortRun(
  row: RunRow,
  { offset = 0, ...options }: { offset?: number } & Omit<RunViewOptions, 'text'>,
): Run {
  const fits = (run: Run) => isShort([], { run, diagnosis: marginText });
  const { upstream: _upstream, ...whole } = toRun(row, {
    ...options,
    text: { offset, maxChars: maxTextChars },
  });
  const rest = restOf(row, { offset, maxChars: maxTextChars });
  const run: Run = rest === undefined ? whole : { ...whole, next_action: rest };
  if (run.outputs === undefined || fits(run)) return run;
  const withText = (maxChars: number): Run => withWindow(row, run, { offset, maxChars });
  const chars = mostThatIsShort(1, maxTextChars, (count) => fits(withText(count)));
  const shorter = withText(chars);
  if (fits(shorter)) return shorter;
  const count = mostThatIsShort(1, run.outputs.length, (shown) => fits(withFewer(run, shown)));
  return withFewer(run, count);
}

function withWindow(row: RunRow, run: Run, window: { offset: number; maxChars: number }): Run {
  const rest = restOf(row, window);
  const outputs = windowOutputs(row, window).outputs.map(withoutDetails);
  return { ...run, outputs, ...(rest === undefined ? {} : { next_action: rest }) };
}

/** The first of the outputs, and the call that shows all. */
function withFewer(run: Run, count: number): Run {
  const outputs = (run.outputs ?? []).map(withoutDetails);
  if (count >= outputs.length) return { ...run, outputs };
  const next = hint`${callOf(getRun, { run_id: run.run_id, include: ['outputs'] })} for all ${outputs.length} outputs`;
  return { ...run, outputs: outputs.slice(0, count), next_action: next };
}

function restOf(row: RunRow, window: { offset: number; maxChars: number }): string | undefined {
  if (row.phase !== 'done') return undefined;
  const { nextOffset } = windowOutputs(row, window);
  if (nextOffset === undefined) return undefined;
  return restCall(row, nextOffset);
}

/** The call that has a text from here on. */
export function restCall({ run_id: id }: Pick<RunRow, 'run_id'>, offset: number): string {
  return hint`${callOf(getRun, { run_id: id, offset, max_chars: restChars })} for the rest of the text`;
}

function withoutDetails({
  bytes: _bytes,
  expires_at: _end,
  mime_type: _type,
  ...output
}: RunOutput): RunOutput {
  return output;
}

/** A run as one of many: what it was, what came of it and where that is. */
export function toListedRun(row: RunRow): Run {
  const shown = toRun(row, { text: undefined });
  const { run_id: id, status, model, wrapper, client_ref: ref, progress, cost } = shown;
  const all = outputsOf(row);
  const outputs = row.phase === 'done' && 'stored' in all ? all.stored : [];
  const isMore = outputs.length > maxListedOutputs;
  return {
    run_id: id,
    status,
    ...(model === undefined ? {} : { model }),
    ...(wrapper === undefined ? {} : { wrapper }),
    ...(ref === undefined ? {} : { client_ref: clip(ref, 60) }),
    ...(progress === undefined ? {} : { progress }),
    created_at: toRfc3339(row.created_at).replace(/\.\d+Z$/, 'Z'),
    ...(outputs.length === 0 ? {} : { outputs: outputs.slice(0, maxListedOutputs).map(toListedOutput) }),
    ...(cost?.charged === undefined && cost?.unknown !== true ? {} : { cost: paid(cost) }),
    ...(isMore
      ? { next_action: hint`${callOf(getRun, { run_id: id })} for all ${outputs.length} outputs` }
      : {}),
  };
}

function paid({ currency, charged, unknown }: NonNullable<Run['cost']>): NonNullable<Run['cost']> {
  return charged === undefined ? { unknown: unknown === true } : { currency, charged };
}

function toListedOutput({ kind, url, text, mime_type: type }: RunOutput): RunOutput {
  const shown = { ...(kind === undefined ? { mime_type: type } : { kind }) };
  if (url !== undefined) return { ...shown, url };
  if (text === undefined) return shown;
  const isCut = text.length > maxListedText;
  return { ...shown, text: clip(text, maxListedText), ...(isCut ? { truncated: true } : {}) };
}
