/**
 * A run that costs an agent little: whole where it fits a kilobyte, else with what is needed to use it, and with the call
 * that has the rest. Whoever asks for more gets it from `toRun`.
 */
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
import { outputsOf } from './run-document.ts';
import { type RunViewOptions, toRfc3339, toRun, windowOutputs } from './run-view.ts';

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
