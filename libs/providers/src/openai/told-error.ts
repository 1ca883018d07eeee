import { type ErrorCode, isObject } from '@inferry/contracts';
import type { z } from 'zod';
import { cleanText, codeOfStatus } from '../errors/index.ts';
import { toJobErrorCode } from '../http/index.ts';
import { secretsOf } from '../http/platform-client.ts';
import type { JobView, ProviderContext } from '../provider.ts';
import { codeOfError } from './failure-rule.ts';
import { ErrorBody } from './wire.ts';

type Told = Exclude<z.infer<typeof ErrorBody>['error'], string>;

/**
 * An error in an answer that began well, or stands in a reply of 200: the job ended with it, in the server's own words.
 * Undefined where the answer is none.
 */
export function toldError(body: unknown, context: ProviderContext): JobView | undefined {
  const parsed = ErrorBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { error } = parsed.data;
  return failedAsTold(typeof error === 'string' ? { message: error } : error, context);
}

/** The same of a whole answer in which nothing else was found: `{object: 'error', message}`, `{detail}`, `{message}`. */
export function toldInstead(body: unknown, context: ProviderContext): JobView | undefined {
  const told = toldError(body, context);
  if (told !== undefined || !isObject(body)) return told;
  const { message, detail, type, code } = body;
  const [fault] = Array.isArray(detail) ? detail : [];
  const words = [message, detail, isObject(fault) ? fault.msg : undefined].find(
    (each) => typeof each === 'string',
  );
  if (typeof words !== 'string') return undefined;
  const own = { message: words, type, code };
  const { data } = ErrorBody.safeParse({ error: own });
  return failedAsTold(isObject(data?.error) ? data.error : { message: words }, context);
}

function failedAsTold({ code, type, message }: Told, context: ProviderContext): JobView {
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
