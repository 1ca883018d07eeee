import { isObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import { outputsOf } from '../outputs/files-in.ts';
import type { JobErrorCode, JobView } from '../provider.ts';
import type { FinishedRequest, QueuedRequest } from './wire.ts';

/** What a status call says; undefined when the result has to be asked, since completed is not yet success (MRD-03). */
export function toPendingView({ status, error }: QueuedRequest): JobView | undefined {
  const upstreamStatus = status.slice(0, 100);
  switch (status) {
    case 'COMPLETED':
      return undefined;
    case 'IN_QUEUE':
      // Its place in the queue is always 0 (MRD-03), so that it says nothing.
      return { status: 'queued', upstreamStatus };
    case 'CANCELLED':
      return { status: 'cancelled', upstreamStatus };
    case 'FAILED':
      return failed(upstreamStatus, error);
    default:
      return { status: 'running', upstreamStatus };
  }
}

/** The result: completed with a bill that failed is a generation that failed. */
export function toResultView({ status, output, error, billingStatus }: FinishedRequest): JobView {
  if (billingStatus === 'failed') return failed(status, error);
  const outputs = outputsOf(output);
  if (outputs.length === 0)
    return failed(status, error ?? 'The model says that it is done and gave no output.');
  const isPartial = billingStatus === 'partial';
  return {
    status: 'succeeded',
    upstreamStatus: status,
    progress: 1,
    outputs,
    ...(isPartial && { isPartial }),
  };
}

export function failed(upstreamStatus: string, error: unknown): JobView {
  const said = wordsOf(error);
  const message = said === '' ? 'The model failed and did not say why.' : said;
  return {
    status: 'failed',
    upstreamStatus: upstreamStatus.slice(0, 100),
    error: { code: codeOf(said), message },
  };
}

function wordsOf(error: unknown): string {
  if (typeof error === 'string') return cleanText(error);
  if (Array.isArray(error)) return cleanText(error.map(wordsOf).filter(Boolean).join('; '));
  if (!isObject(error)) return '';
  return wordsOf(error.message ?? error.error ?? '');
}

function codeOf(words: string): JobErrorCode {
  if (/safety|moderation|content policy|nsfw|flagged/i.test(words)) return 'content_blocked';
  return 'generate_failed';
}
