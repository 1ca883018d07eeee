import { cleanText } from '../errors/index.ts';
import { outputsOf } from '../outputs/files-in.ts';
import type { JobErrorCode, JobView } from '../provider.ts';
import type { Prediction } from './wire.ts';

/** Inputs and outputs of predictions that an API made are removed after an hour. */
const resultTtlMs = 3_600_000;
const maxLogs = 20;

/** A prediction as we tell it. */
export function toJobView(prediction: Prediction, now: number): JobView {
  const { status: word, output, error, logs } = prediction;
  const upstreamStatus = word.slice(0, 100);
  switch (word) {
    case 'starting':
      return { status: 'queued', upstreamStatus };
    case 'succeeded':
      return toSucceeded(prediction, { output, now });
    case 'failed':
      return { status: 'failed', upstreamStatus, error: toError(error) };
    case 'canceled':
    // Its deadline passed before it began: it is not billed.
    case 'aborted':
      return { status: 'cancelled', upstreamStatus };
    default:
      return { status: 'running', upstreamStatus, ...readLogs(logs ?? '') };
  }
}

function toSucceeded(
  { data_removed: isRemoved, status: upstreamStatus }: Prediction,
  { output, now }: { output: unknown; now: number },
): JobView {
  if (isRemoved === true) return { status: 'expired', upstreamStatus };
  const outputs = outputsOf(output, { expiresAt: new Date(now + resultTtlMs).toISOString() });
  if (outputs.length > 0) return { status: 'succeeded', upstreamStatus, progress: 1, outputs };
  const message = 'The model says that it succeeded and gave no output.';
  return { status: 'failed', upstreamStatus, error: { code: 'upstream_failed', message } };
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
