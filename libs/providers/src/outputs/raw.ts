import { isObject, type JsonObject } from '@inferry/contracts';
import { withoutKeys } from '../errors/clean-text.ts';
import type { JobView } from '../provider.ts';

const maxRawChars = 24_000;
const maxText = 2_000;
const maxItems = 500;
const maxDepth = 12;

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
  if (budget.left <= 0 || depth > maxDepth) return '…';
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
