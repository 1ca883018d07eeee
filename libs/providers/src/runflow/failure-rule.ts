import { type ErrorCode, isObject } from '@inferry/contracts';
import type { FailureRule } from '../errors/index.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  UNAUTHORIZED: 'unauthorized',
  INSUFFICIENT_CREDIT: 'insufficient_credits',
  INSUFFICIENT_CREDITS: 'insufficient_credits',
  PERMISSION_DENIED: 'forbidden',
  EMAIL_NOT_VERIFIED: 'forbidden',
  MODEL_NOT_FOUND: 'model_not_found',
  RUN_NOT_FOUND: 'run_expired',
  RATE_LIMITED: 'rate_limited',
  MODEL_UNAVAILABLE: 'upstream_unavailable',
};

/** `{code, message, errors}`, or the same below `error`. */
export const failureRule: FailureRule = ({ status, body }) => {
  if (!isObject(body)) return undefined;
  const told = isObject(body.error) ? body.error : body;
  const code = typeof told.code === 'string' ? codes[told.code.toUpperCase()] : undefined;
  const detail = typeof told.message === 'string' ? told.message : undefined;
  if (code !== undefined)
    return { code, detail, mayBeTaken: status >= 500 && code !== 'upstream_unavailable' };
  if (status !== 422 || !Array.isArray(told.errors)) return undefined;
  const problems = told.errors.filter(isObject).map((fault) => ({
    path: String(fault.field ?? fault.loc ?? fault.path ?? '').replace(/^input[.,]/, ''),
    message: String(fault.message ?? fault.msg ?? fault.type ?? 'is not accepted'),
  }));
  return { code: 'validation_failed', detail, problems };
};
