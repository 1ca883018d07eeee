/** A run’s row: the JSON that its text columns hold, and how callers see it, whole or so short that it costs an agent little. */
import { hash } from 'node:crypto';
import {
  callOf,
  clip,
  type ErrorEnvelope,
  getRun,
  hint,
  isShort,
  type JsonObject,
  mostThatIsShort,
  type Run,
  type RunCost,
  type RunOutput,
  withDigitsAsText,
} from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { CancelResult, InputFile, JobHandle, ProviderOutput } from '@inferry/providers';
import type { z } from 'zod';

/** The JSON that a run's text columns hold. Only this service writes them, so they are believed when read. */

/** `options` */
export interface RunOptions {
  /** As the caller gave them. */
  caller: JsonObject;
  /** Of a run of a batch: in what order it is sent once it has its turn. */
  priority?: 'high' | 'normal' | 'low';
  /** Joins the spans of the poller to the caller's trace. */
  traceparent?: string;
  /** What the provider said when it was asked to stop; `failed` when it could not be asked. */
  cancel?: { outcome: CancelResult | 'failed'; attempts: number };
  /** How often it was sent, whatever came of it: platforms that take an id of ours get another one each time. */
  submits?: number;
  /** Names the last of them: two replicas may act in the same millisecond. */
  submit?: string;
  /** Submits that the platform says it never got: it is asked of them too. */
  doubted?: number[];
  /** The sender of the last submit itself lost the reply, so that no process can know more. */
  replyLost?: true | undefined;
  /** How often the platform has said that it does not have the last submit. */
  absences?: number | undefined;
  /** Since when the process that holds its call has not been heard of. */
  unheardSince?: number | undefined;
  /** How often a job that lives in a process was started again. */
  restarts?: number;
  /** The connection that it was sent with. */
  connection?: string;
  /** The caller's reference, where the platform is told it in place of the run's id. */
  upstreamRef?: string;
  /** Its caller's own key is used, which is wiped after their last run. */
  bringsKey?: true;
  /** What the gateway and this service signed when it began: what is done later in its owner's name rests on it. */
  grant?: string;
  /** Whether the quote is the price. */
  isExactQuote: boolean;
  /** What it was quoted at and is held to: the most or, of a floor, the least; null where nothing was known. */
  quoted?: { kind: string; micros: number | null };
  /** By how much the platform went beyond that. */
  overQuoteMicros?: number;
  /** Where its name is one of several models that do the same: which was chosen, why, and what is left to be tried. */
  equal?: { alias: string; why: string; others: EqualRun[] };
  /** What the provider says that it cost, in a currency that cannot be counted in the run's own. */
  chargedElsewhere?: { micros: number; currency: string };
  /** Of an ended run whose cost nobody told: what it was booked as. */
  unsettled?: { certainty: 'assumed' | 'unknown'; micros: number };
}

/** What a run is at another platform that does the same. */
export interface EqualRun {
  model: string;
  provider: string;
  native_id: string;
  input: JsonObject;
  files: RunFiles;
  grant?: string;
  isExactQuote: boolean;
  wantedMicros: number | null;
}

/** `file_fields`: an input field by its JSON pointer, and where its file is. */
export type RunFiles = Record<string, InputFile>;

/** One output on its way to storage: everything but bytes that only memory holds. */
export type PendingOutput = Omit<ProviderOutput, 'bytes'> & { isInMemory: boolean };

/** `outputs`: of an ended run, or of one that is being stored. */
export type RunOutputs = ({ stored: z.infer<typeof RunOutput>[] } | { pending: PendingOutput[] }) & {
  /** What a reader of them has to know. */
  notes?: string[];
};

export function optionsOf(row: Pick<RunRow, 'options'>): RunOptions {
  // as: see above.
  return JSON.parse(row.options) as RunOptions;
}

export function filesOf(row: Pick<RunRow, 'file_fields'>): RunFiles {
  // as: see above.
  return JSON.parse(row.file_fields) as RunFiles;
}

export function inputOf(row: Pick<RunRow, 'input'>): JsonObject {
  // as: see above.
  return JSON.parse(row.input) as JsonObject;
}

const promptFields = [
  'prompt',
  'positivePrompt',
  'positive_prompt',
  'text',
  'text_prompt',
  'instruction',
  'query',
];
const maxPromptChars = 4_000;

/** What the model was asked for in words, where its input has such a field. */
export function promptOf(input: JsonObject): string | undefined {
  const nested = typeof input.input === 'object' && input.input !== null ? Object(input.input) : {};
  const said = [input, nested].flatMap((fields) => promptFields.map((name) => fields[name])).find(isSaid);
  return said?.slice(0, maxPromptChars).toWellFormed();
}

function isSaid(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** The caller's own marks of a run, as its outputs are tagged with them. */
export function tagsOf(row: Pick<RunRow, 'metadata'>): string[] {
  // as: see above.
  const metadata = JSON.parse(row.metadata) as Record<string, unknown>;
  return Object.entries(metadata)
    .filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => (value === 'true' ? name : `${name}:${value}`).slice(0, 130).toWellFormed())
    .slice(0, 32);
}

/** The input as clients see it: a whole number that few of them can hold is the text of its digits. */
export function shownInputOf(row: Pick<RunRow, 'input'>): JsonObject {
  // as: see above.
  return JSON.parse(withDigitsAsText(row.input)) as JsonObject;
}

export function outputsOf(row: Pick<RunRow, 'outputs'>): RunOutputs {
  // as: see above.
  return JSON.parse(row.outputs) as RunOutputs;
}

export function handleOf(row: Pick<RunRow, 'handle'>): JsonObject {
  // as: see above; null only before the submit was answered, when nobody asks.
  return JSON.parse(row.handle ?? '{}') as JsonObject;
}

/** The id to show: whichever of the usual names the adapter keeps it under. */
export function idOf(handle: JobHandle): string | null {
  const names = ['request_id', 'id', 'job_id', 'task_id', 'prompt_id', 'run_id', 'uuid'];
  const id = names.map((name) => handle[name]).find((value) => typeof value === 'string');
  if (typeof id !== 'string') return null;
  // It tells jobs apart: of two with one beginning each stays itself.
  return id.length <= 200
    ? shownWord(id)
    : `${shownWord(id.slice(0, 150))}…${hash('sha256', id, 'base64url')}`;
}

/** A platform's id or status as any database can hold it; it is shown, and never sent back. */
export function shownWord(word: string): string {
  return word.toWellFormed().replaceAll('\u0000', '\ufffd').slice(0, 200);
}

export function errorOf(row: Pick<RunRow, 'error'>): ErrorEnvelope | undefined {
  // as: see above.
  return row.error === null ? undefined : (JSON.parse(row.error) as ErrorEnvelope);
}

export const noOutputs = JSON.stringify({ stored: [] } satisfies RunOutputs);

const microsPerUnit = 1_000_000;

/** Rounded up: what is held must cover what is charged. */
export function toMicros(amount: number): number {
  return Math.ceil(Math.round(amount * microsPerUnit * 1_000) / 1_000);
}

export function fromMicros(micros: number): number {
  return micros / microsPerUnit;
}

/** JSON with sorted names: the order in which a client writes them means nothing. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, node: unknown) =>
    typeof node === 'object' && node !== null && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([one], [other]) => (one < other ? -1 : 1)))
      : node,
  );
}

// A run as a caller sees it: whole, or so short that it costs an agent little.
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

/** The cost of a run as clients see it. That nobody tells a charge is said, since no amount would read as nothing. */
function costOf(row: RunRow): RunCost {
  const isEnded = row.phase === 'done';
  const { chargedElsewhere: other, unsettled, overQuoteMicros } = optionsOf(row);
  if (isEnded && other !== undefined) return { currency: other.currency, charged: fromMicros(other.micros) };
  const cost: RunCost = { currency: row.currency };
  if (row.estimated_micros !== null) cost.estimated = fromMicros(row.estimated_micros);
  if (!isEnded && row.reserved_micros > 0) cost.reserved = fromMicros(row.reserved_micros);
  if (isEnded && row.charged_micros !== null) cost.charged = fromMicros(row.charged_micros);
  if (isEnded && overQuoteMicros !== undefined) cost.over_quote = fromMicros(overQuoteMicros);
  if (isEnded && unsettled !== undefined) {
    if (unsettled.certainty === 'unknown') cost.unknown = true;
    if (unsettled.micros > 0) cost.assumed = fromMicros(unsettled.micros);
  }
  return cost;
}
