/** What is kept of a platform’s answer beside its outputs: notes that a caller should know, and the answer itself, shortened. */
import { isObject, type JsonObject } from '@inferry/contracts';
import { withoutKeys } from '../errors/clean-text.ts';
import { cleanText } from '../errors/index.ts';
import type { JobView } from '../provider.ts';
import { outputsWith } from './files-in.ts';

interface AnswerFacts {
  upstreamStatus: string;
  /** When its links stop working. */
  expiresAt?: string | undefined;
  /** Fewer outputs than were asked for. */
  isPartial?: boolean | undefined;
}

const flagNames = /^(has_?)?(nsfw|unsafe)(_?(concepts?|contents?|content_?detected|detected))?$|^flagged$/i;
const seedNames = /^(seed|random_?seed|used_?seed)$/i;
const maxNotes = 6;
const maxDepth = 4;

/**
 * What a model answered as the end of its job: files, text or JSON, what else it says of them (a flag of a filter, the
 * seed), and the whole for `include: raw`. An empty text is an answer; nothing at all is none.
 */
export function answered(answer: unknown, facts: AnswerFacts): JobView {
  const { upstreamStatus, expiresAt, isPartial } = facts;
  const { outputs, left, isAtLeast } = outputsWith(answer, { expiresAt });
  const raw = rawOf(answer);
  if (outputs.length === 0) {
    const message = 'The model says that it is done and gave no output.';
    return {
      ...{ status: 'failed', upstreamStatus, error: { code: 'upstream_failed', message } },
      ...(raw !== undefined && { raw }),
    };
  }
  const notes = [
    ...(left > 0
      ? [
          `The model made ${isAtLeast ? 'at least ' : ''}${outputs.length + left} outputs; the first ${outputs.length} are kept, ${left} are missing here.`,
        ]
      : []),
    ...notesOf(answer),
  ];
  return {
    ...{ status: 'succeeded', upstreamStatus, progress: 1, outputs },
    ...(raw !== undefined && { raw }),
    ...(notes.length > 0 && { notes: notes.slice(0, maxNotes) }),
    ...(isPartial === true && { isPartial }),
  };
}

/** What a model says beside its outputs and a reader of them has to know. */
export function notesOf(answer: unknown): string[] {
  const found: Found = { flags: new Set(), seeds: new Set() };
  look(answer, found, 0);
  const seeds = [...found.seeds].slice(0, 4).join(', ');
  return [...found.flags, ...(seeds === '' ? [] : [`Seed: ${seeds}.`])];
}

interface Found {
  flags: Set<string>;
  seeds: Set<string>;
}

function look(value: unknown, found: Found, depth: number): void {
  if (depth > maxDepth || found.flags.size + found.seeds.size > 64) return;
  if (Array.isArray(value)) for (const item of value.slice(0, 64)) look(item, found, depth + 1);
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value).slice(0, 200)) {
    if (name !== 'input' && !note(name, inner, found)) look(inner, found, depth + 1);
  }
}

/** False for a name that says nothing by itself. */
function note(name: string, value: unknown, { flags, seeds }: Found): boolean {
  if (flagNames.test(name)) {
    for (const told of flagNote(name, value)) flags.add(told);
    return true;
  }
  if (!seedNames.test(name) || !isSeed(value)) return false;
  seeds.add(String(value));
  return true;
}

/** `true`, `[false, true]`: of which outputs the platform's filter thinks that they are unsafe. */
function flagNote(name: string, value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  const flagged = list.flatMap((flag, index) => (flag === true ? [index + 1] : []));
  if (flagged.length === 0) return [];
  const which = list.length === 1 ? 'The output was' : `Output ${flagged.slice(0, 16).join(', ')} was`;
  const what = cleanText(name, { maxLength: 60 });
  return [`${which} flagged by the platform as NSFW (${what}); a filter may have blanked it.`];
}

function isSeed(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d{1,40}$/.test(value));
}

const maxRawChars = 24_000;
const maxText = 2_000;
const maxItems = 500;
const maxRawDepth = 12;

/**
 * A platform's answer as `get_run(include: raw)` may show it: content in base64 and long texts cut, keys taken out, links
 * without what signs them, and within a bound.
 */
export function rawOf(
  answer: unknown,
  { maxChars = maxRawChars }: { maxChars?: number } = {},
): JsonObject | undefined {
  if (answer === undefined || answer === null) return undefined;
  const budget = { left: maxChars };
  const short = shorten(answer, budget, 0);
  return isObject(short) ? short : { answer: short };
}

/** The same as a part of a view. */
export function withRaw(answer: unknown): Pick<JobView, 'raw'> {
  const raw = rawOf(answer);
  return raw === undefined ? {} : { raw };
}

function shorten(value: unknown, budget: { left: number }, depth: number): unknown {
  if (budget.left <= 0 || depth > maxRawDepth) return '…';
  if (typeof value === 'string') return spent(shortText(value), budget);
  if (typeof value !== 'object' || value === null) return spent(value, budget);
  return Array.isArray(value) ? shortList(value, budget, depth) : shortObject(value, budget, depth);
}

function shortList(list: readonly unknown[], budget: { left: number }, depth: number): unknown[] {
  const items: unknown[] = [];
  for (const item of list.slice(0, maxItems)) {
    if (budget.left <= 0) break;
    items.push(shorten(item, budget, depth + 1));
  }
  return items.length < list.length ? [...items, `… ${list.length - items.length} more`] : items;
}

function shortObject(value: object, budget: { left: number }, depth: number): JsonObject {
  const fields: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(value).slice(0, maxItems)) {
    if (budget.left <= 0) break;
    budget.left -= name.length;
    fields.push([name.slice(0, 200), shorten(inner, budget, depth + 1)]);
  }
  return Object.fromEntries(fields);
}

function spent<T>(value: T, budget: { left: number }): T {
  budget.left -= String(value).length + 4;
  return value;
}

function shortText(text: string): string {
  if (/^data:[^,]{0,200},/i.test(text) || (text.length > 512 && /^[A-Za-z0-9+/=_-]+$/.test(text))) {
    return `[content of ${text.length} characters]`;
  }
  const clean = withoutKeys(text.slice(0, maxText).toWellFormed().replaceAll('\u0000', ''));
  return text.length > maxText ? `${clean}…` : clean;
}
