import { isObject } from '@inferry/contracts';
import type { FailureRule, Verdict } from '../errors/index.ts';

/** `{detail: [{loc, msg, type}]}` of a model, `{detail: string, error_type}` of the queue. */
export const failureRule: FailureRule = ({ status, body, headers }) => {
  if (!isObject(body)) return undefined;
  const type =
    headers['x-fal-error-type'] ?? (typeof body.error_type === 'string' ? body.error_type : undefined);
  const detail = typeof body.detail === 'string' ? body.detail : undefined;
  if (type === 'concurrent_requests_limit') return { code: 'rate_limited', detail };
  // The account, not the request: with 403, and nothing else tells it.
  if (
    detail !== undefined &&
    status < 500 &&
    /exhausted balance|insufficient (balance|credit|funds)/i.test(detail)
  ) {
    return { code: 'insufficient_credits', detail };
  }
  return readBlocked(body.detail);
};

/** A refusal by content is one of the things that a list of faults can say. */
function readBlocked(detail: unknown): Verdict | undefined {
  if (!Array.isArray(detail)) return undefined;
  const blocked = detail.find((fault) => isObject(fault) && fault.type === 'content_policy_violation');
  if (!isObject(blocked)) return undefined;
  return { code: 'content_blocked', detail: typeof blocked.msg === 'string' ? blocked.msg : undefined };
}

/**
 * The result call answers with the model's own failure: with 4xx what was wrong with the input, with 5xx and an error
 * type that a runner failed. A 5xx without one is the queue itself, which is asked again.
 */
export const resultRule: FailureRule = (reply) => {
  const { status, body, headers } = reply;
  const told = failureRule(reply);
  if (told !== undefined) return told;
  const fields = isObject(body) ? body : {};
  const type = headers['x-fal-error-type'] ?? fields.error_type;
  const detail = typeof fields.detail === 'string' ? fields.detail : undefined;
  if (status === 404) return { code: 'run_expired', detail };
  if (status === 499 || type === 'client_cancelled') return { code: 'cancelled', detail };
  if (status === 504 && typeof type === 'string')
    return { code: 'deadline_exceeded', detail: detail ?? type };
  return status >= 500 && typeof type === 'string'
    ? { code: 'generate_failed', detail: detail ?? type }
    : undefined;
};
