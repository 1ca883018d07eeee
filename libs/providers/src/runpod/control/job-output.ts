/** The output of a job as it fits into a conversation: what is longer comes in parts, each with the place of the next. */
import type { Args, Item } from './answer.ts';

/** Of one answer, in characters. */
export const mostOutput = 64 << 10;

/** The body with its output from `outputOffset` on; one that fits stays what it is. */
export function withOutputPart(body: Item, { outputOffset }: Args = {}): Item {
  const { output } = body;
  if (output === undefined) return body;
  const whole = typeof output === 'string' ? output : JSON.stringify(output);
  const start = Math.min(startOf(outputOffset), whole.length);
  if (start === 0 && whole.length <= mostOutput) return body;
  const end = cutAt(whole, Math.min(start + mostOutput, whole.length));
  const isLast = end >= whole.length;
  const outputPart = {
    ...{ offset: start, returned: end - start, total: whole.length },
    of: typeof output === 'string' ? 'text' : 'JSON text',
    nextOffset: isLast ? null : end,
    note: isLast
      ? 'The last part.'
      : 'Pass nextOffset to get-job-status as outputOffset, while the platform keeps the result. Whole: GET /status/{jobId} of the endpoint with your key. s3Config of a job puts large outputs elsewhere.',
  };
  return { ...body, output: whole.slice(start, end), outputPart };
}

/** Whether chunks of a stream are enough for one answer. */
export function isEnough(chunks: readonly unknown[]): boolean {
  let size = 0;
  for (const chunk of chunks) {
    size += JSON.stringify(chunk)?.length ?? 0;
    if (size > mostOutput) return true;
  }
  return false;
}

function startOf(offset: unknown): number {
  const start = Number(offset ?? 0);
  return Number.isSafeInteger(start) && start > 0 ? start : 0;
}

/** Never between the halves of one character. */
function cutAt(text: string, end: number): number {
  const code = text.charCodeAt(end - 1);
  return end < text.length && code >= 0xd800 && code <= 0xdbff ? end - 1 : end;
}
