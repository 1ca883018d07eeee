import { cleanText } from '../errors/index.ts';
import { answered, rawOf } from '../outputs/answer.ts';
import type { JobErrorCode, JobView } from '../provider.ts';
import type { Prediction } from './wire.ts';

/** Inputs and outputs of predictions that an API made are removed after an hour. */
const resultTtlMs = 3_600_000;
const maxLogs = 20;

/** A prediction as we tell it. */
export function toJobView(prediction: Prediction, now: number): JobView {
  const { status: word, error, logs } = prediction;
  const upstreamStatus = word.slice(0, 100);
  switch (word) {
    case 'starting':
      return { status: 'queued', upstreamStatus };
    case 'succeeded':
      return toSucceeded(prediction, now);
    case 'failed':
      return { status: 'failed', upstreamStatus, error: toError(error), ...withRaw(prediction) };
    case 'canceled':
    // Its deadline passed before it began: it is not billed.
    case 'aborted':
      return { status: 'cancelled', upstreamStatus };
    default:
      return { status: 'running', upstreamStatus, ...readLogs(logs ?? '') };
  }
}

function toSucceeded(prediction: Prediction, now: number): JobView {
  const { data_removed: isRemoved, status: upstreamStatus, output } = prediction;
  if (isRemoved === true) return { status: 'expired', upstreamStatus };
  const expiresAt = new Date(now + resultTtlMs).toISOString();
  return { ...answered(output, { upstreamStatus, expiresAt }), ...withRaw(prediction) };
}

/** The whole prediction, for whoever asks what the platform said. */
function withRaw(prediction: Prediction): Pick<JobView, 'raw'> {
  const { urls: _urls, logs: _logs, ...told } = prediction;
  const raw = rawOf(told);
  return raw === undefined ? {} : { raw };
}

function toError(error: unknown): NonNullable<JobView['error']> {
  const words = cleanText(typeof error === 'string' ? error : '');
  return { code: codeOf(words), message: words === '' ? 'The model failed and did not say why.' : words };
}

/** What models say of themselves is free text. */
function codeOf(words: string): JobErrorCode {
  if (/nsfw|safety|flagged as sensitive|E005|moderation/i.test(words)) return 'content_blocked';
  if (/timed? ?out|deadline/i.test(words)) return 'deadline_exceeded';
  return 'generate_failed';
}

/** The only progress that there is: the bar that a model prints. */
function readLogs(logs: string): Pick<JobView, 'progress' | 'logs'> {
  const lines = logs.slice(-8_000).split(/[\r\n]+/);
  const said = lines.map((line) => cleanText(line)).filter((line) => line !== '');
  const percent = lines.flatMap((line) => /(\d{1,3})%(?:\||\s|$)/.exec(line)?.[1] ?? []).at(-1);
  const progress = percent === undefined ? undefined : Number(percent) / 100;
  return {
    ...(progress !== undefined && progress <= 1 && { progress }),
    ...(said.length > 0 && { logs: said.slice(-maxLogs) }),
  };
}
