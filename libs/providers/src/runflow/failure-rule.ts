import { type ErrorCode, isObject, type JsonObject } from '@inferry/contracts';
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
  if (code !== undefined) {
    const mayBeTaken = status >= 500 && code !== 'upstream_unavailable';
    return { code, detail, mayBeTaken, errors: errorsOf(told, code) };
  }
  if (status !== 422 || !Array.isArray(told.errors)) return undefined;
  const problems = told.errors.filter(isObject).map((fault) => ({
    path: String(fault.field ?? fault.loc ?? fault.path ?? '').replace(/^input[.,]/, ''),
    message: String(fault.message ?? fault.msg ?? fault.type ?? 'is not accepted'),
  }));
  return { code: 'validation_failed', detail, problems };
};

/** The platform's list of errors as its MCP server tells it: types in lower case; without a list, the error itself (RF-61, RF-69). */
function errorsOf(told: JsonObject, code: ErrorCode): { type: string; message: string }[] {
  const listed = Array.isArray(told.errors) ? told.errors.filter(isObject) : [];
  const all = listed.length > 0 ? listed : [{ type: code, message: told.message }];
  return all.map((fault) => ({
    type: String(fault.type ?? code).toLowerCase(),
    message: String(fault.message ?? fault.msg ?? ''),
  }));
}
