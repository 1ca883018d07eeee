import { isObject } from '@inferry/contracts';
import type { FailureRule } from '../errors/index.ts';

/**
 * `{error, request_id, details: {code, validationErrors}}`. The chat surface says with 429 what is 402 everywhere else.
 */
export const failureRule: FailureRule = ({ status, body }) => {
  const fields = isObject(body) ? body : {};
  const error = isObject(fields.error) ? fields.error : {};
  if (status === 429 && (error.code === 'insufficient_quota' || error.type === 'insufficient_quota')) {
    return {
      code: 'insufficient_credits',
      detail: typeof error.message === 'string' ? error.message : undefined,
    };
  }
  const details = isObject(fields.details) ? fields.details : {};
  if (!Array.isArray(details.validationErrors)) return undefined;
  const problems = details.validationErrors.filter(isObject).map(({ path, message }) => ({
    path: Array.isArray(path) ? path.join('.') : String(path ?? ''),
    message: String(message ?? 'is not accepted'),
  }));
  return { code: 'validation_failed', problems };
};
