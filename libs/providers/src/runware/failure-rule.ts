import type { ErrorCode, Problem } from '@inferry/contracts';
import { cleanText, type FailureRule, type Verdict } from '../errors/index.ts';
import type { JobErrorCode } from '../provider.ts';
import { FailedBody, type TaskError } from './wire.ts';

/** Hundreds of codes that change: they are read by what they begin and end with, as the official client does. */
const rules: readonly [RegExp, ErrorCode][] = [
  [/credits|quota|balance|paymentRequired/i, 'insufficient_credits'],
  [/rateLimit|tooManyRequests|queueFull/i, 'rate_limited'],
  [/apiKey|^(unauthorized|authenticationFailed|notAuthenticated)/i, 'unauthorized'],
  [/^(forbidden|accessDenied)/i, 'forbidden'],
  [/nsfw|safety|moderation|contentPolicy|flagged/i, 'content_blocked'],
  [/timeout/i, 'deadline_exceeded'],
  [/^task.*(NotFound|Expired)$|^unknownTask/i, 'run_expired'],
  [/^taskCancelled/i, 'cancelled'],
  [/(NotFound|Expired)$|^unknownModel/i, 'model_not_found'],
  [
    /^(invalid|missing|conflict|duplicate|unsupported|value|array|max|min|required|unknownParameter)/i,
    'validation_failed',
  ],
  [/serverError|internal|provider|unavailable|connection|capacity/i, 'upstream_unavailable'],
];

export function codeOf({ code }: TaskError): ErrorCode {
  const name = code ?? '';
  return rules.find(([rule]) => rule.test(name))?.[1] ?? 'upstream_failed';
}

/** The HTTP status says more where it is one of these; everything else is in the code. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  402: 'insufficient_credits',
  429: 'rate_limited',
};

/** `{errors: [{code, message, parameter}]}`, also in a reply of 200. */
export const failureRule: FailureRule = ({ status, body }) => {
  const parsed = FailedBody.safeParse(body);
  if (!parsed.success) return undefined;
  const [error = parsed.data.error] = parsed.data.errors ?? [];
  if (error === undefined || error === null) return undefined;
  const errors = parsed.data.errors ?? [error];
  return toVerdict(byStatus[status] ?? codeOf(error), errors, status);
};

function toVerdict(code: ErrorCode, errors: readonly TaskError[], status: number): Verdict {
  const isUncertain =
    code === 'upstream_unavailable' || code === 'deadline_exceeded' || code === 'upstream_failed';
  return {
    code,
    detail: errors[0]?.message ?? undefined,
    ...(code === 'validation_failed' && { problems: errors.flatMap(toProblems) }),
    mayBeTaken: status >= 500 || isUncertain,
  };
}

function toProblems({ parameter, message }: TaskError): Problem[] {
  const names = Array.isArray(parameter) ? parameter : [parameter ?? ''];
  return names.map((path) => ({ path, message: message ?? 'is not accepted' }));
}

/** The error that ended a job. */
export function jobErrorOf(error: TaskError): { code: JobErrorCode; message: string } {
  const code = codeOf(error);
  const known: readonly ErrorCode[] = [
    'content_blocked',
    'validation_failed',
    'insufficient_credits',
    'deadline_exceeded',
  ];
  const message = cleanText(error.message ?? '');
  return {
    // as: exactly the codes of the list, which a job's error may have.
    code: known.includes(code) ? (code as JobErrorCode) : 'generate_failed',
    message: message === '' ? 'The task failed, and the platform did not say why.' : message,
  };
}
