import type { FailureRule } from '../errors/index.ts';

/** A model that is being loaded was not run; what the serving platforms say of credit stands in words only. */
export const failureRule: FailureRule = ({ status, body }) => {
  const fields = typeof body === 'object' && body !== null ? body : {};
  const said = 'error' in fields ? fields.error : undefined;
  const detail = typeof said === 'string' ? said : undefined;
  if (status === 503 && 'estimated_time' in fields) {
    const seconds = Number(fields.estimated_time);
    const wait = Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 1), 600) : 20;
    return { code: 'busy', detail, mayBeTaken: false, retryAfterSeconds: wait };
  }
  if (status < 500 && detail !== undefined && /exceeded your .{0,40}credits|out of credits/i.test(detail)) {
    return { code: 'insufficient_credits', detail };
  }
  return undefined;
};
