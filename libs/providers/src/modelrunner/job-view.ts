import { isObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import { answered, rawOf } from '../outputs/answer.ts';
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
export function toResultView(request: FinishedRequest): JobView {
  const { status, output, error, billingStatus, payloadsPurgedAt } = request;
  const upstreamStatus = status.slice(0, 100);
  const cost = chargeOf(request);
  if (billingStatus === 'failed') return { ...failed(upstreamStatus, error), ...cost };
  if (payloadsPurgedAt) return { status: 'expired', upstreamStatus: 'its output was removed', ...cost };
  const view = answered(output, { upstreamStatus, isPartial: billingStatus === 'partial' });
  const raw = rawOf({ ...request, output: view.raw });
  if (view.status === 'failed' && error) return { ...failed(upstreamStatus, error), ...cost };
  return { ...view, ...cost, ...(raw !== undefined && { raw }) };
}

/** What was really charged: known once the bill is written, and for a failure as well. */
export function chargeOf({
  billingStatus,
  totalPrice,
}: Pick<FinishedRequest, 'billingStatus' | 'totalPrice'>): Pick<JobView, 'charged'> {
  if (typeof totalPrice !== 'number' || totalPrice < 0 || billingStatus === 'pending') return {};
  return { charged: { amount: totalPrice, currency: 'USD' } };
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
