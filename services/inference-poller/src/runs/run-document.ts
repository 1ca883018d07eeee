import { hash } from 'node:crypto';
import { type ErrorEnvelope, type JsonObject, type RunOutput, withDigitsAsText } from '@inferry/contracts';
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
