import { filesIn, notesOf, rawOf } from '../outputs/answer.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { codeOf, jobErrorOf } from './failure-rule.ts';
import type { TaskError, TaskItem, TaskReply } from './wire.ts';

export interface TaskFacts {
  uuid: string;
  /** How many results were asked for: it is over when there are so many. */
  results: number;
}

/** What is no result in an item, and would be taken for a file. */
const notResults = [
  'taskType',
  'taskUUID',
  'status',
  'progress',
  'cost',
  'error',
  'inputs',
  'seedImage',
  'webhookURL',
];

/** A task as `getResponse` tells it. Success needs every result that was asked for; some of them may have failed. */
export function toJobView(reply: TaskReply, { uuid, results }: TaskFacts): JobView {
  const items = (reply.data ?? []).filter(({ taskUUID }) => taskUUID === uuid);
  const errors = [
    ...items.flatMap((item) => (item.status === 'error' ? [item.error ?? {}] : [])),
    ...(reply.errors ?? []).filter(({ taskUUID }) => (taskUUID ?? uuid) === uuid),
  ];
  const made = items.filter(isMade);
  // A result that failed may have cost something as well.
  const charged = items.reduce((sum, { cost }) => sum + (cost ?? 0), 0);
  const cost = items.some(({ cost: told }) => typeof told === 'number')
    ? { charged: { amount: Math.round(charged * 1e8) / 1e8, currency: 'USD' } }
    : {};
  if (made.length + errors.length < results && !isWhole(errors, items))
    return toPending(items, made.length / results);
  const outputs = made.flatMap(outputsOf);
  const raw = rawOf({ data: items, ...(errors.length > 0 && { errors }) });
  const about = { ...cost, ...(raw !== undefined && { raw }) };
  if (outputs.length === 0) return { ...toEnd(errors), ...about };
  const notes = notesOf(made);
  const isPartial = errors.length > 0;
  return {
    status: 'succeeded',
    upstreamStatus: 'success',
    progress: 1,
    outputs,
    ...about,
    ...(notes.length > 0 && { notes }),
    ...(isPartial && { isPartial }),
  };
}

/** An error that is told without an item is about the whole task. */
function isWhole(errors: readonly TaskError[], items: readonly TaskItem[]): boolean {
  return errors.length > 0 && items.every((item) => item.status === 'error' || isMade(item));
}

function isMade(item: TaskItem): boolean {
  return item.status === 'success' || (typeof item.status !== 'string' && outputsOf(item).length > 0);
}

function toPending(items: readonly TaskItem[], share: number): JobView {
  const waiting = items.find((item) => !isMade(item) && item.status !== 'error');
  const word = (waiting?.status ?? 'processing').slice(0, 100);
  const told = waiting?.progress;
  const progress = typeof told === 'number' ? Math.min(Math.max(told / 100, 0), 1) : share;
  return { status: 'running', upstreamStatus: word, ...(progress > 0 && { progress }) };
}

function toEnd(errors: readonly TaskError[]): JobView {
  const [error] = errors;
  if (error === undefined) {
    const message = 'The platform says that it succeeded and gave no output.';
    return { status: 'failed', upstreamStatus: 'success', error: { code: 'upstream_failed', message } };
  }
  const code = codeOf(error);
  const upstreamStatus = (error.code ?? 'error').slice(0, 100);
  // Expired is said of what was there; "not found" also of what is not there yet.
  if (code === 'run_expired')
    return { status: /expired/i.test(upstreamStatus) ? 'expired' : 'not_found', upstreamStatus };
  if (code === 'cancelled') return { status: 'cancelled', upstreamStatus };
  return { status: 'failed', upstreamStatus, error: jobErrorOf(error) };
}

/** `imageURL`, `videoURL`, `text`, `outputs: {files: [{url}]}`: by their names. */
function outputsOf(item: TaskItem): ProviderOutput[] {
  const rest = Object.fromEntries(Object.entries(item).filter(([name]) => !notResults.includes(name)));
  const files = filesIn(rest);
  const { text } = item;
  const words = typeof text === 'string' && text !== '';
  return words ? [...files, { kind: 'text', contentType: 'text/plain', text }] : files;
}
