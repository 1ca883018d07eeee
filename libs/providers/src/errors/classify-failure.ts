import {
  AppError,
  argumentOf,
  callOf,
  type ErrorCode,
  hint,
  type Problem,
  runModel,
  searchModels,
  validationFailed,
} from '@inferry/contracts';
import { cleanText } from './clean-text.ts';
import { type Headers, retryAfterSeconds } from './retry-after.ts';

/** A reply that is no success, with its body parsed when it is JSON, else as text. */
export interface FailedReply {
  status: number;
  headers: Headers;
  body: unknown;
}

/** What an adapter reads out of a failed reply, by its platform's own codes. */
export interface Verdict {
  code: ErrorCode;
  /** The platform's words; they are cleaned and cut before anybody sees them. */
  detail?: string | undefined;
  problems?: readonly Problem[] | undefined;
  /** The platform's own list of errors, for whoever knows it: kept in `details` with the path of the call. */
  errors?: readonly { type: string; message: string }[] | undefined;
  retryAfterSeconds?: number | undefined;
  /**
   * Whether a submit answered like this may have been taken all the same. Default: a status of 500 and above, and
   * 408, 409, 425 and 499 may, everything else may not, and neither may a 503 that says when to come back
   * (`Retry-After`; RFC 9110, section 15.6.4): a server that cannot handle a request now has not handled it.
   */
  mayBeTaken?: boolean;
}

/**
 * The platform's rule: its body's code first. Undefined leaves it to the status, with what `detail` and `problems`
 * the generic reading of the body finds.
 */
export type FailureRule = (reply: FailedReply) => Verdict | undefined;

/** `read`: no side effect. `submit`: starts a paid job. `change`: anything else, such as a cancel or an upload. */
export type Purpose = 'read' | 'submit' | 'change';

export interface FailureContext {
  /** The platform's name as people know it. */
  title: string;
  purpose: Purpose;
  rule?: FailureRule | undefined;
  secrets?: readonly string[] | undefined;
  /** Of the call at the platform. */
  path?: string | undefined;
  now?: number;
}

const uncertainStatuses = new Set([408, 409, 425, 499]);

const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'validation_failed',
  401: 'unauthorized',
  402: 'insufficient_credits',
  403: 'forbidden',
  404: 'model_not_found',
  405: 'upstream_failed',
  413: 'validation_failed',
  415: 'validation_failed',
  422: 'validation_failed',
  429: 'rate_limited',
  451: 'content_blocked',
};

/**
 * A failed reply as our error: by the platform's body code first, by its status second. For a submit that may have been
 * taken the code is one that the poller does not take as a refusal (`unavailable`), so that it asks `recover` instead
 * of sending again.
 */
export function classifyFailure(reply: FailedReply, context: FailureContext): AppError {
  const { title, purpose, rule, secrets, now } = context;
  const told = rule?.(reply);
  const isTurnedAway = reply.status === 503 && retryAfterSeconds(reply.headers, now) !== undefined;
  const isUncertain = reply.status >= 500 || uncertainStatuses.has(reply.status);
  const mayBeTaken = told?.mayBeTaken ?? (isUncertain && !isTurnedAway);
  if (purpose === 'submit' && mayBeTaken) return uncertainSubmit(title, reply.status);
  const read = readProblems(reply.body);
  const clean = (text: string) => cleanText(text, { secrets });
  const verdict: Verdict = told ?? { code: codeOfStatus(reply.status), ...read };
  const problems = (verdict.problems ?? read.problems ?? []).slice(0, 16).map(({ path, message, hint }) => ({
    path: clean(path).slice(0, 100),
    message: clean(message),
    ...(hint === undefined ? {} : { hint: clean(hint) }),
  }));
  const detail = verdict.detail === undefined ? undefined : clean(verdict.detail);
  const errors = verdict.errors?.slice(0, 16).map(({ type, message }) => ({ type, message: clean(message) }));
  return toError(
    { ...verdict, problems, detail, errors },
    {
      title,
      path: context.path,
      status: reply.status,
      retryAfter: verdict.retryAfterSeconds ?? retryAfterSeconds(reply.headers, now),
    },
  );
}

/** What a status says by itself. */
export function codeOfStatus(status: number): ErrorCode {
  return codeByStatus[status] ?? (status >= 500 ? 'upstream_unavailable' : 'upstream_failed');
}

/** A submit whose fate is unknown: `recover` decides, and nothing is sent again before it did. */
export function uncertainSubmit(title: string, upstreamStatus?: number, cause?: unknown): AppError {
  return new AppError('unavailable', `${title} did not say whether it took the run.`, {
    upstreamStatus,
    cause,
  });
}

const messages: Partial<Record<ErrorCode, [says: string, next: string]>> = {
  insufficient_credits: ['has no credit left on this account.', 'Top up the account there, then run again.'],
  unauthorized: ['does not accept the key.', 'Check the key of this connection and replace it if needed.'],
  forbidden: ['does not let this key do that.', 'Use a key with more rights, or another model.'],
  // Anything that is asked for by an id: a machine, a store, a file.
  not_found: ['has no such thing.', 'Check the id; a list says what there is.'],
  model_not_found: ['does not know this model.', hint`Find one with ${callOf(searchModels)}.`],
  content_blocked: ['refused the content.', 'Change the input.'],
  rate_limited: ['limits how often it may be called.', 'Wait, then call again.'],
  busy: ['is at its limit.', 'Wait, then call again.'],
  upstream_unavailable: ['is not available.', 'Try again in a moment.'],
  deadline_exceeded: ['did not answer in time.', 'Try again.'],
  run_expired: [
    'no longer knows this job.',
    `Run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
  ],
};

function toError(
  verdict: Verdict,
  {
    title,
    path,
    status,
    retryAfter,
  }: { title: string; path: string | undefined; status: number; retryAfter: number | undefined },
): AppError {
  const { code, detail, problems = [], errors } = verdict;
  if (code === 'validation_failed') {
    const listed = problems.length > 0 ? problems : [{ path: '', message: detail ?? 'is not accepted' }];
    const { message, nextAction, details } = validationFailed(title, listed);
    return new AppError(code, message, { nextAction, details, upstreamStatus: status });
  }
  const [says, nextAction] = messages[code] ?? ['could not do this.', 'Try again, or choose another model.'];
  const said = detail === undefined || detail === '' ? '' : ` It says: ${detail}`;
  return new AppError(code, `${title} ${says}${said}`, {
    upstreamStatus: status,
    nextAction,
    ...(errors === undefined ? {} : { details: { errors, ...(path === undefined ? {} : { path }) } }),
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
  });
}

/** The shapes that most platforms use: `message`, `error`, `detail`, lists of `{loc, msg}` and of `{path, message}`. */
function readProblems(body: unknown): { detail?: string; problems?: Problem[] } {
  if (typeof body === 'string') return /^\s*</.test(body) || body === '' ? {} : { detail: body };
  if (!isRecord(body)) return {};
  for (const key of ['detail', 'errors', 'error', 'message', 'title']) {
    const found = readTold(body[key]);
    if (found !== undefined) return found;
  }
  return {};
}

function readTold(value: unknown): ReturnType<typeof readProblems> | undefined {
  if (typeof value === 'string') return value === '' ? undefined : { detail: value };
  if (!Array.isArray(value)) return isRecord(value) ? readProblems(value) : undefined;
  const problems = value.flatMap(toProblem);
  return problems.length === 0 ? undefined : { problems };
}

function toProblem(item: unknown): Problem[] {
  if (typeof item === 'string') return [{ path: '', message: item }];
  if (!isRecord(item)) return [];
  const message = item.msg ?? item.message;
  if (typeof message !== 'string') return [];
  const at = item.loc ?? item.path ?? item.parameter ?? item.param ?? item.field ?? '';
  const parts = (Array.isArray(at) ? at : [at]).filter((part) => part !== 'body' && part !== 'input');
  return [{ path: parts.map(String).join('.'), message }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
