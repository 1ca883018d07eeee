import type { ErrorCode } from '@inferry/contracts';
import type { FailureRule } from '../errors/index.ts';
import { ErrorBody } from './wire.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  insufficient_quota: 'insufficient_credits',
  billing_hard_limit_reached: 'insufficient_credits',
  billing_not_active: 'insufficient_credits',
  invalid_api_key: 'unauthorized',
  account_deactivated: 'unauthorized',
  model_not_found: 'model_not_found',
  content_policy_violation: 'content_blocked',
  moderation_blocked: 'content_blocked',
  content_filter: 'content_blocked',
  context_length_exceeded: 'validation_failed',
  rate_limit_exceeded: 'rate_limited',
};

/** `{error: {code, type, param, message}}`; Ollama writes `{error: "…"}`. The same 429 is two things. */
export const failureRule: FailureRule = ({ status, body }) => {
  const parsed = ErrorBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { error } = parsed.data;
  const { code, type, param, message } = typeof error === 'string' ? { message: error } : error;
  const known = codeOfError({ code, type });
  if (known === undefined) return undefined;
  const problems =
    known === 'validation_failed' && typeof message === 'string'
      ? [{ path: param ?? '', message }]
      : undefined;
  return { code: known, detail: message ?? undefined, problems, mayBeTaken: status >= 500 };
};

/** By its code first, by its type second. */
export function codeOfError({
  code,
  type,
}: {
  code?: string | number | null | undefined;
  type?: string | null | undefined;
}): ErrorCode | undefined {
  return codes[String(code ?? '')] ?? codes[type ?? ''];
}
