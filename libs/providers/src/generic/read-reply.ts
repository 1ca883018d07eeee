import { AppError, type ErrorCode, writeJson } from '@inferry/contracts';
import { cleanText, type FailedReply, type FailureRule } from '../errors/index.ts';
import { toJobErrorCode } from '../http/index.ts';
import { fromDataUri, notesOf, rawOf } from '../outputs/answer.ts';
import type { JobStatus, JobView, ProviderOutput } from '../provider.ts';
import type { Description, ErrorRule } from './description.ts';
import { textAt, valuesAt } from './template.ts';

/** The first rule of the description that fits a failed reply. */
export function failureRuleOf({ errors }: Pick<Description, 'errors'>): FailureRule {
  return (reply) => {
    const rule = errors.find((candidate) => fits(candidate, reply));
    if (rule === undefined) return undefined;
    return { code: rule.code, ...detailOf(reply), ...(turnsAway.has(rule.code) && { mayBeTaken: false }) };
  };
}

/** A description that calls an answer one of these says that nothing was taken, whatever its status. */
const turnsAway: ReadonlySet<string> = new Set(['busy', 'rate_limited']);

function detailOf({ body }: FailedReply): { detail?: string } {
  const text = ['/message', '/error/message', '/error', '/detail', '/errors/0/message'].map((at) =>
    textAt(body, at),
  );
  const detail = text.find((found) => found !== undefined);
  return detail === undefined ? {} : { detail };
}

function fits(rule: ErrorRule, { status, body }: FailedReply): boolean {
  if (rule.status !== undefined && rule.status !== status) return false;
  if (rule.at === undefined) return rule.status !== undefined;
  const text = textAt(body, rule.at);
  if (text === undefined) return false;
  if (rule.equals !== undefined && !rule.equals.map(String).includes(text)) return false;
  return rule.contains === undefined || text.toLowerCase().includes(rule.contains.toLowerCase());
}

/** A 2xx that is none: `{code: 1102, …}` in a 200. */
export function refusalIn(body: unknown, description: Description): ErrorCode | undefined {
  const { success, errors } = description;
  if (success === undefined) return undefined;
  const [value] = valuesAt(body, success.at);
  if (success.equals.some((good) => good === value)) return undefined;
  const rule = errors.find((candidate) => fits(candidate, { status: 200, headers: {}, body }));
  return rule?.code ?? 'upstream_failed';
}

/** A polled reply as a view, by the description's words. */
export function readView(body: unknown, description: Description): JobView {
  const { poll, result } = description;
  if (poll === undefined) return readSuccess(body, description, 'completed');
  const word = textAt(body, poll.status);
  if (word === undefined)
    throw new AppError('upstream_malformed', `${description.title} did not say how the job is.`);
  const upstreamStatus = cleanText(word, { maxLength: 100 });
  const status = statusOf(word, poll.states);
  if (status === 'succeeded') return readSuccess(body, description, upstreamStatus);
  const ended = { ...readCharge(body, result.charged), ...withRaw(body) };
  if (status === 'failed') return { status, upstreamStatus, error: readError(body, description), ...ended };
  const amount = poll.progress === undefined ? undefined : Number(textAt(body, poll.progress.at));
  const progress =
    amount === undefined || !Number.isFinite(amount) ? undefined : amount / (poll.progress?.of ?? 1);
  return {
    status,
    upstreamStatus,
    ...(progress === undefined ? {} : { progress: Math.min(Math.max(progress, 0), 1) }),
    ...(poll.every_ms === undefined ? {} : { pollAfterMs: poll.every_ms }),
    ...(status === 'cancelled' || status === 'expired' ? ended : {}),
  };
}

/** A word that nobody knows counts as running. */
function statusOf(word: string, states: NonNullable<Description['poll']>['states']): JobStatus {
  const names = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
  const plain = word.toLowerCase();
  // As the file spells it, else by whatever capitals.
  return (
    names.find((name) => states[name].includes(word)) ??
    names.find((name) => states[name].some((known) => known.toLowerCase() === plain)) ??
    'running'
  );
}

function readSuccess(body: unknown, description: Description, upstreamStatus: string): JobView {
  const { result, title } = description;
  const outputs = result.outputs.flatMap((rule) =>
    valuesAt(body, rule.at).flatMap((value) => toOutput(value, rule)),
  );
  if (outputs.length === 0) {
    const message = `${title} says that it succeeded and gave no output.`;
    return {
      ...{ status: 'failed', upstreamStatus, error: { code: 'upstream_failed', message } },
      ...readCharge(body, result.charged),
      ...withRaw(body),
    };
  }
  const notes = notesOf(body);
  return {
    ...{ status: 'succeeded', upstreamStatus, progress: 1, outputs },
    ...(notes.length > 0 && { notes }),
    ...readCharge(body, result.charged),
    ...withRaw(body),
  };
}

function withRaw(body: unknown): Pick<JobView, 'raw'> {
  const raw = rawOf(body);
  return raw === undefined ? {} : { raw };
}

function toOutput(value: unknown, rule: Description['result']['outputs'][number]): ProviderOutput[] {
  const { kind, content_type: contentType } = rule;
  if (kind === 'json' && typeof value === 'object' && value !== null) {
    return [{ kind, contentType, text: writeJson(value) }];
  }
  if (kind === 'text' && typeof value === 'string') return [{ kind, contentType, text: value }];
  if (typeof value !== 'string' || value === '') return [];
  const inline = fromDataUri(value);
  if (inline !== undefined) return [inline.kind === 'file' ? { ...inline, kind } : inline];
  return /^https?:/.test(value) && URL.canParse(value) ? [{ kind, contentType, url: value }] : [];
}

function readError(body: unknown, { result, title }: Description): NonNullable<JobView['error']> {
  const { message, code, blocked = [] } = result.error ?? {};
  const said = textAt(body, message);
  const words = `${textAt(body, code) ?? ''} ${said ?? ''}`.toLowerCase();
  const isBlocked = blocked.some((word) => words.includes(word.toLowerCase()));
  const text =
    said === undefined || said === ''
      ? `${title} could not finish this job.`
      : `${title} says: ${cleanText(said)}`;
  const refusal = new AppError(isBlocked ? 'content_blocked' : 'generate_failed', text);
  return { code: toJobErrorCode(refusal) ?? 'generate_failed', message: text };
}

function readCharge(
  body: unknown,
  rule: Description['result']['charged'],
): Pick<JobView, 'charged'> | Record<string, never> {
  if (rule === undefined) return {};
  const told = textAt(body, rule.at)?.trim();
  // An empty text tells nothing, and is not nothing.
  const amount = told === undefined || told === '' ? Number.NaN : Number(told);
  if (!Number.isFinite(amount) || amount < 0) return {};
  return { charged: { amount: amount * rule.factor, currency: rule.currency } };
}
