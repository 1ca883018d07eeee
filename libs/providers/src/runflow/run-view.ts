import { cleanText } from '../errors/index.ts';
import { answered, rawOf } from '../outputs/answer.ts';
import type { JobErrorCode, JobView } from '../provider.ts';
import type { Run } from './wire.ts';

/** Both spellings: the API has one l where events and older documents have two. */
const states: Readonly<Record<string, JobView['status']>> = {
  queued: 'queued',
  dispatching: 'queued',
  running: 'running',
  succeeded: 'succeeded',
  partial_succeeded: 'succeeded',
  failed: 'failed',
  errored: 'failed',
  canceled: 'cancelled',
  cancelled: 'cancelled',
};

/** A run as we tell it (X12). */
export function toJobView(run: Run): JobView {
  const word = (run.status_code ?? run.status ?? '').slice(0, 100);
  const status = states[word] ?? 'running';
  const base = { upstreamStatus: word, ...costOf(run) };
  if (status === 'running' || status === 'queued') return { ...base, status, ...progressOf(run) };
  const raw = rawOf(run);
  const ended = { ...base, ...(raw !== undefined && { raw }) };
  if (status === 'failed') return { ...ended, status, error: errorOf(run) };
  if (status !== 'succeeded') return { ...ended, status };
  const isPartial = word === 'partial_succeeded';
  return { ...answered(run.output, { upstreamStatus: word, isPartial }), ...ended };
}

function progressOf({ nodes_total: total, nodes_completed: done }: Run): Pick<JobView, 'progress'> {
  if (typeof total !== 'number' || typeof done !== 'number' || total <= 0) return {};
  return { progress: Math.min(Math.max(done / total, 0), 1) };
}

function costOf({ cost }: Run): Pick<JobView, 'charged'> {
  const amount = cost ?? Number.NaN;
  return amount >= 0 ? { charged: { amount, currency: 'USD' } } : {};
}

const codes: readonly [RegExp, JobErrorCode][] = [
  [/VALIDATION|INVALID_INPUT/i, 'validation_failed'],
  [/SAFETY|MODERATION|CONTENT/i, 'content_blocked'],
  [/CREDIT/i, 'insufficient_credits'],
  [/TIMEOUT|TIMED_OUT/i, 'deadline_exceeded'],
];

function errorOf({ failure_code, failure_message, error }: Run): NonNullable<JobView['error']> {
  const code = failure_code ?? error?.code;
  const message = failure_message ?? error?.message;
  const words = cleanText(message ?? '');
  const known = codes.find(([word]) => word.test(code ?? ''))?.[1] ?? 'generate_failed';
  return { code: known, message: words === '' ? 'The run failed and the platform did not say why.' : words };
}
