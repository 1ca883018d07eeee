import { AppError } from '@inferry/contracts';
import { type Purpose, uncertainSubmit } from '../errors/index.ts';

/** Failures that happen before the first byte of a request leaves: the platform certainly took nothing. */
const beforeSending = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export interface TransportContext {
  title: string;
  purpose: Purpose;
  /** The caller gave up. */
  isCancelled: boolean;
  /** The call's own deadline passed. */
  isOverdue: boolean;
}

/** A call without a whole reply as our error; of a submit it says whether the platform may have taken it. */
export function toTransportError(error: unknown, context: TransportContext): AppError {
  const { title, purpose, isCancelled, isOverdue } = context;
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  if (code === 'url_rejected' || (!isCancelled && code !== undefined && beforeSending.has(code))) {
    return toNotSent(error, title);
  }
  if (purpose === 'submit') return uncertainSubmit(title, undefined, error);
  if (isCancelled) return new AppError('cancelled', 'The call was given up.', { cause: error });
  if (isOverdue)
    return new AppError('deadline_exceeded', `${title} did not answer in time.`, { cause: error });
  return new AppError('upstream_unavailable', `The connection to ${title} broke off.`, { cause: error });
}

/** A call of which no byte has left, whatever ended it: certainly nothing was taken. */
export function toNotSent(error: unknown, title: string): AppError {
  if (error instanceof AppError) return error;
  const code = codeOf(error) ?? '';
  if (code === 'url_rejected')
    return new AppError('url_rejected', `A host of ${title} is not on the public internet.`);
  const why = /CERT|TLS|ISSUER|SIGNATURE/.test(code) ? 'its certificate is not trusted' : 'no connection';
  return new AppError('upstream_unavailable', `${title} cannot be reached: ${why}.`, {
    nextAction: 'Try again in a moment.',
    cause: error,
  });
}

/** Of the error or of what caused it: undici and Node wrap, and a failed dual-stack connect lists several. */
function codeOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > 4) return undefined;
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0], depth + 1);
  return 'cause' in error ? codeOf(error.cause, depth + 1) : undefined;
}
