/** Files that the arguments of a call name by path: `@path` and `file://…`, in any text of them. */
import { isObject, type JsonObject } from '@inferry/contracts';

const maxDepth = 32;
/** A path has a folder or an ending, and no white space at its ends; a mention in a sentence is none. */
const pathLike = /^(?!\s)(?:[^\n\r]*[/\\][^\n\r]*|[^\s/\\]*\.[A-Za-z0-9]{1,10})(?<!\s)$/;

/** The path or file URL that a text is; undefined where it is only text. */
export function pathIn(text: string): string | undefined {
  if (/^file:\/\//i.test(text)) return text;
  if (!text.startsWith('@') || text.startsWith('@@')) return undefined;
  const path = text.slice(1);
  return pathLike.test(path) ? path : undefined;
}

/** `@@name.ext` is the text `@name.ext`: what would be a path without the second sign. */
function literalIn(text: string): string | undefined {
  return text.startsWith('@@') && pathLike.test(text.slice(2)) ? text.slice(1) : undefined;
}

/** Every path that the arguments name, once each. */
export function findPaths(args: unknown): string[] {
  const found = new Set<string>();
  mapTexts(args, (text) => {
    const path = pathIn(text);
    if (path !== undefined) found.add(path);
    return text;
  });
  return [...found];
}

/** The arguments with something in the place of every path, and without the signs that kept a text from being one. */
export function replacePaths(args: unknown, replace: (path: string) => string): unknown {
  return mapTexts(args, (text) => {
    const path = pathIn(text);
    return path === undefined ? (literalIn(text) ?? text) : replace(path);
  });
}

function mapTexts(value: unknown, map: (text: string) => string, depth = 0): unknown {
  if (depth > maxDepth) return value;
  if (typeof value === 'string') return mapText(value, map, depth);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map, depth + 1));
  if (!isObject(value)) return value;
  const mapped: [string, unknown][] = Object.entries(value).map(([name, item]) => [
    name,
    mapTexts(item, map, depth + 1),
  ]);
  return Object.fromEntries(mapped);
}

/** Some models write an object as text: the files in it are files all the same. */
function mapText(text: string, map: (text: string) => string, depth: number): string {
  if (!/^\s*[{[]/.test(text) || !/"(?:@|file:)/i.test(text)) return map(text);
  let parsed: JsonObject | unknown[];
  try {
    parsed = JSON.parse(text);
  } catch {
    // Text that only looks like it.
    return map(text);
  }
  return JSON.stringify(mapTexts(parsed, map, depth + 1));
}
