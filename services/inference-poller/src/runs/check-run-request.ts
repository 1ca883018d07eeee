import type { JsonObject, Problem } from '@inferry/contracts';
import type { InferenceDeps } from '../deps.ts';
import { webhookProblem } from '../webhooks/webhook-url.ts';

export interface RunRequest {
  model: string;
  input: JsonObject;
  client_ref?: string | undefined;
  /** What the reference counts within; without it all runs of its caller. */
  ref_scope?: 'caller' | 'model' | undefined;
  max_cost?: number | undefined;
  quote_id?: string | undefined;
  metadata?: JsonObject | undefined;
  webhook?: string | undefined;
  options?: JsonObject | undefined;
}

/** In what order the runs of one caller at one platform are sent: it moves nobody else's. */
const priorities = ['high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

/** A run of low priority is sent as if it had come so much later, one of high as if it had so much sooner. */
const rankMs = 600_000;

export function rankOf(priority: Priority, now: number): number | null {
  if (priority === 'normal') return null;
  return priority === 'low' ? now + rankMs : now - rankMs;
}

const maxTags = 16;
const maxNameLength = 64;
const maxValueLength = 512;
const maxDocumentLength = 16_384;

/** What a run's schema does not say: tags (MRD-02), webhook, time to live and priority, with all that is wrong with them. */
export function readRunRequest(
  request: Pick<RunRequest, 'metadata' | 'webhook' | 'options'>,
  deps: Pick<InferenceDeps, 'timings' | 'webhooks'>,
): { tags: Record<string, string>; ttlMs: number; priority: Priority; problems: Problem[] } {
  const problems: Problem[] = [];
  const tags = readTags(request.metadata ?? {}, problems);
  if (request.webhook !== undefined) {
    const problem = webhookProblem(request.webhook, deps.webhooks);
    if (problem !== undefined) problems.push(problem);
  }
  const ttlMs = readTtl(request.options ?? {}, deps.timings.runTtlMs, problems);
  return { tags, ttlMs, priority: readPriority(request.options ?? {}, problems), problems };
}

/** Tags as `list_runs` filters by them. */
export function readTags(metadata: JsonObject, problems: Problem[]): Record<string, string> {
  const entries = Object.entries(metadata);
  if (entries.length > maxTags) {
    problems.push({ path: 'metadata', message: `has ${entries.length} tags`, hint: `at most ${maxTags}` });
  }
  const tags: [string, string][] = [];
  for (const [name, value] of entries.slice(0, maxTags)) {
    const path = `metadata.${name.slice(0, maxNameLength)}`;
    if (name.length < 1 || name.length > maxNameLength) {
      problems.push({
        path,
        message: `has a name of ${name.length} characters`,
        hint: `1 to ${maxNameLength}`,
      });
    } else if (typeof value !== 'string') {
      problems.push({ path, message: 'is not a string', hint: 'tags are strings' });
    } else if (value.length > maxValueLength) {
      problems.push({ path, message: `has ${value.length} characters`, hint: `at most ${maxValueLength}` });
    } else tags.push([name, value]);
  }
  return Object.fromEntries(tags);
}

function readTtl(options: JsonObject, maxMs: number, problems: Problem[]): number {
  if (JSON.stringify(options).length > maxDocumentLength) {
    problems.push({
      path: 'options',
      message: 'are too large',
      hint: `at most ${maxDocumentLength} characters`,
    });
  }
  const seconds = options.ttl_seconds;
  if (seconds === undefined) return maxMs;
  const maxSeconds = Math.floor(maxMs / 1_000);
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= maxSeconds) {
    return seconds * 1_000;
  }
  problems.push({ path: 'options.ttl_seconds', message: 'is out of range', hint: `1 to ${maxSeconds}` });
  return maxMs;
}

function readPriority({ priority }: JsonObject, problems: Problem[]): Priority {
  const found = priorities.find((one) => one === priority);
  if (found === undefined && priority !== undefined)
    problems.push({ path: 'options.priority', message: 'is no priority', hint: priorities.join(', ') });
  return found ?? 'normal';
}
