import { isObject, type JsonObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import { parseJson } from '../http/index.ts';
import { notesOf, rawOf } from '../outputs/answer.ts';
import type { JobErrorCode, JobView } from '../provider.ts';
import { readOutputs } from './outputs.ts';
import type { Job } from './wire.ts';

const statuses: Readonly<Record<string, JobView['status']>> = {
  IN_QUEUE: 'queued',
  IN_PROGRESS: 'running',
  RUNNING: 'running',
  COMPLETED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  CANCELLED: 'cancelled',
};

export function statusOf(word: string): JobView['status'] {
  // Whatever comes after this was written is no end.
  return statuses[word] ?? 'running';
}

export function isOver(word: string): boolean {
  return !['queued', 'running'].includes(statusOf(word));
}

/** A job as we tell it. Completed is success only where the output is not the error that a handler returned. */
export function toJobView(job: Job, now: number): JobView {
  const { status: word, output } = job;
  const cost = costOf(output);
  const upstreamStatus = word.slice(0, 100);
  const base = { upstreamStatus, raw: toRaw(job) };
  const status = statusOf(word);
  if (status === 'running') return { ...base, status, ...readUpdate(output) };
  if (status === 'failed') {
    const error = toJobError(job.error ?? errorIn(output), word === 'TIMED_OUT');
    return { ...base, status, error, ...cost };
  }
  if (status !== 'succeeded') return { ...base, ...cost, status };
  const { outputs, isPartial } = readOutputs(output, now);
  const returned = errorIn(output);
  const hasFiles = outputs.some(({ kind }) => kind !== 'json' && kind !== 'text');
  if (returned !== undefined && !hasFiles) {
    return { ...base, ...cost, status: 'failed', error: toJobError(returned, false) };
  }
  const notes = notesOf(output);
  const more = { ...(notes.length > 0 && { notes }), ...(isPartial && { isPartial }) };
  return { ...base, ...cost, status, progress: 1, outputs, ...more };
}

/** What a handler tells with `progress_update` stands where its output will be. */
function readUpdate(output: unknown): Pick<JobView, 'progress' | 'logs'> {
  if (typeof output === 'string' && output !== '') {
    const [, done, all] = /(\d+(?:\.\d+)?)\s*(?:\/|of)\s*(\d+)/.exec(output) ?? [];
    const percent = /(\d+(?:\.\d+)?)\s*%/.exec(output)?.[1];
    const progress = percent === undefined ? Number(done) / Number(all) : Number(percent) / 100;
    return { ...toProgress(progress), logs: [cleanText(output)] };
  }
  if (typeof output === 'number') return toProgress(output > 1 ? output / 100 : output);
  if (isObject(output) && typeof output.progress === 'number') return readUpdate(output.progress);
  return {};
}

function toProgress(progress: number): Pick<JobView, 'progress'> {
  return progress >= 0 && progress <= 1 ? { progress } : {};
}

/** The convention of handlers: an object with nothing to say but `error`. */
function errorIn(output: unknown): unknown {
  if (!isObject(output)) return undefined;
  const { error } = output;
  return error === undefined || error === null || error === '' || error === false ? undefined : error;
}

function toJobError(error: unknown, isTimeout: boolean): NonNullable<JobView['error']> {
  if (isTimeout) {
    return {
      code: 'deadline_exceeded',
      message: 'The job was not picked up, or not finished, in the time that its endpoint allows.',
    };
  }
  const told = wordsOf(error);
  const words = cleanText(told);
  return { code: codeOf(told), message: words === '' ? 'The worker failed and did not say why.' : words };
}

/** A worker's exception is JSON in a string, with a trace that nobody wants. */
function wordsOf(error: unknown): string {
  if (isObject(error)) return wordsOf(error.error_message ?? error.message ?? error.error ?? '');
  if (typeof error !== 'string') return '';
  if (!error.startsWith('{')) return error;
  const parsed = parseJson(error);
  return isObject(parsed) ? wordsOf(parsed) : error;
}

function codeOf(words: string): JobErrorCode {
  if (/nsfw|content[ _]polic|moderat|safety (check|filter)|prohibited content/i.test(words)) {
    return 'content_blocked';
  }
  if (/^invalid (parameter|input|prompt)|is a required input|missing required/i.test(words)) {
    return 'validation_failed';
  }
  return /out of memory|\boom\b/i.test(words) ? 'upstream_failed' : 'generate_failed';
}

function costOf(output: unknown): Pick<JobView, 'charged'> {
  const charged = readCost(output);
  return charged === undefined ? {} : { charged: { amount: charged, currency: 'USD' } };
}

/** Public endpoints say in their output what it cost; a list is one answer in parts. */
export function readCost(output: unknown): number | undefined {
  if (Array.isArray(output)) {
    const costs = output.map(readCost).filter((cost) => cost !== undefined);
    return costs.length === 0 ? undefined : costs.reduce((sum, cost) => sum + cost, 0);
  }
  const cost = isObject(output) ? output.cost : undefined;
  return typeof cost === 'number' && Number.isFinite(cost) && cost >= 0 ? cost : undefined;
}

/** Without the input: who may read the run has it already. */
function toRaw({ id, status, delayTime, executionTime, workerId, output, error }: Job): JsonObject {
  const raw = { id, status, delayTime, executionTime, workerId, output, error };
  const told = Object.entries(raw).filter(([, value]) => value !== undefined && value !== null);
  return rawOf(Object.fromEntries(told)) ?? {};
}
