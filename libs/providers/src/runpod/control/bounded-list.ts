/** Lists of an account are as long as the account is large: what a tool shows of one has a bound, and says what is left out. */
import { isObject } from '@inferry/contracts';
import { cursorOf, type Item } from './answer.ts';

/** Of the text of a list. Some ten thousand tokens is where clients begin to warn, and the pages that the platform's own server makes fit. */
export const maxListBytes = 32 << 10;
/** One item of a list that is too long. */
const maxItemBytes = 4 << 10;
const maxTextLength = 500;
const maxEntries = 20;
/** What a page and its note take beside its items. */
const frameBytes = 1 << 10;

/** Lists that the third edition has by the same name, where all of them are pages. */
const pagedByThird: ReadonlySet<string> = new Set([
  ...['list-pods', 'list-templates', 'list-network-volumes', 'list-endpoint-releases'],
  ...['list-endpoint-workers', 'list-gpu-types', 'list-cpu-types', 'list-data-centers'],
]);

export interface ListCall {
  name: string;
  /** What the tool takes, where it is known. */
  accepted?: readonly string[] | undefined;
}

/** The body of a list's answer as it is where it fits, else as much of it as fits. */
export function boundedList(body: unknown, call: ListCall): unknown {
  if (sizeOf(body) <= maxListBytes) return body;
  if (Array.isArray(body)) return cutList({}, ['items', body], call);
  if (!isObject(body)) return body;
  if (isObject(body.pagination) && Array.isArray(body.items)) return shorterPage(body, body.items);
  const [longest] = Object.entries(body)
    .filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
    .toSorted(([, one], [, other]) => sizeOf(other) - sizeOf(one));
  return longest === undefined ? body : cutList(body, longest, call);
}

/** A page that ends sooner: its cursor goes on where it ends. */
function shorterPage(body: Item, items: readonly unknown[]): Item {
  const { items: _, pagination, ...beside } = body;
  const { total = items.length, offset = 0 } = isObject(pagination) ? pagination : {};
  const shown = fitting(items.map(shortened), maxListBytes - frameBytes - sizeOf(beside));
  const end = Number(offset) + shown.length;
  const rest = Number(total) - end;
  const cut = shown.some((item, at) => item !== items[at]) ? ' Long values are cut: read one by its id.' : '';
  const note = `${rest > 0 ? `${rest} more: pass nextCursor as cursor.` : ''}${cut}`.trim();
  return {
    ...beside,
    items: shown,
    pagination: {
      ...{ total, returned: shown.length, offset, truncated: rest > 0 },
      nextCursor: rest > 0 ? cursorOf(end) : null,
      ...(note !== '' && { note }),
    },
  };
}

/** A list that the tool knows no pages of: its items in brief, as many as fit. */
function cutList(
  body: Item,
  [key, items]: readonly [key: string, items: readonly unknown[]],
  { name, accepted = [] }: ListCall,
): Item {
  const { [key]: _, ...beside } = body;
  const shown = fitting(items.map(inBrief), maxListBytes - frameBytes - sizeOf(beside));
  const rest = items.length - shown.length;
  const filters = accepted.filter((argument) => argument !== 'id');
  const ways = [
    ...(filters.length > 0 ? [`narrow it by ${filters.join(', ')}`] : []),
    ...(pagedByThird.has(name) ? ['the same list of the third edition (at /mcp/runpod) comes in pages'] : []),
  ];
  const more =
    rest === 0 ? '' : ` ${rest} more are not shown${ways.length > 0 ? `: ${ways.join('; ')}` : ''}.`;
  return {
    ...beside,
    [key]: shown,
    pagination: {
      ...{ total: items.length, returned: shown.length, truncated: rest > 0 },
      note: `The list is long, so that it is in brief: read one by its id for the rest of it.${more}`,
    },
  };
}

/** As many as fit, and one at least. */
function fitting(items: readonly unknown[], mostBytes: number): unknown[] {
  let left = mostBytes;
  const end = items.findIndex((item, at) => {
    left -= sizeOf(item) + 1;
    return left < 0 && at > 0;
  });
  return end < 0 ? [...items] : items.slice(0, end);
}

/** What has its size as it is, an item or a refusal; of what is larger the long is cut. */
export function shortened(item: unknown): unknown {
  if (sizeOf(item) <= maxItemBytes) return item;
  const cut = clipped(item);
  return sizeOf(cut) <= maxItemBytes ? cut : inBrief(item);
}

function clipped(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length > maxTextLength ? `${value.slice(0, maxTextLength).toWellFormed()}…` : value;
  if (Array.isArray(value)) return value.slice(0, maxEntries).map(clipped);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).slice(0, maxEntries);
  return Object.fromEntries(entries.map(([name, inner]) => [name, clipped(inner)]));
}

/** What tells one from another, in a line. */
function inBrief(item: unknown): unknown {
  if (!isObject(item)) return clipped(item);
  const plain = Object.entries(item).filter(
    ([name, value]) =>
      ['string', 'number', 'boolean'].includes(typeof value) && name.length + String(value).length <= 120,
  );
  return Object.fromEntries(plain.slice(0, 8));
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}

/** Whether a call answers a list of what there is. */
export function isList(name: string): boolean {
  return name.startsWith('list-') || name === 'get-billing' || name === 'get-capacity';
}
