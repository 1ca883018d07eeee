import type { ErrorCode } from '@inferry/contracts';
import { cleanText, codeOfStatus } from '../errors/index.ts';
import { toJobErrorCode } from '../http/index.ts';
import { secretsOf } from '../http/platform-client.ts';
import type { JobView, ProviderContext } from '../provider.ts';
import { codeOfError } from './failure-rule.ts';
import { ErrorBody } from './wire.ts';

/**
 * An error in an answer that began well, or stands in a reply of 200: the job ended with it, in the server's own words.
 * Undefined where the answer is none.
 */
export function toldError(body: unknown, context: ProviderContext): JobView | undefined {
  const parsed = ErrorBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { error } = parsed.data;
  const { code, type, message } = typeof error === 'string' ? { message: error } : error;
  const status = Number(code);
  const known: ErrorCode | undefined =
    codeOfError({ code, type }) ??
    (Number.isInteger(status) && status >= 400 && status < 500 ? codeOfStatus(status) : undefined);
  const words = cleanText(message ?? '', { secrets: secretsOf(context) });
  return failedWith(
    known,
    words === '' ? 'The server ended the answer with an error and did not say why.' : words,
  );
}

export function failedWith(code: ErrorCode | undefined, message: string): JobView {
  const known = code === undefined ? undefined : toJobErrorCode({ code });
  return { status: 'failed', upstreamStatus: 'error', error: { code: known ?? 'generate_failed', message } };
}
