/**
 * Texts and content of results: how large they may be, and calls within them. Whoever writes a hint names an operation and
 * its arguments, and the profile that a client meets says it with the name of its own tool, or leaves the sentence out. Calls
 * are marked by characters for private use, which pass through errors, replies, rows and frames like any text.
 */
import type { ErrorEnvelope } from './errors.ts';
import type { AnyOperation } from './operation.ts';
import type { JsonObject } from './portable-schema.ts';

/** The kinds of MCP content that our tools return (MCP 2026-07-28, tools). */
export type ContentBlock =
  | { type: 'text'; text: string }
  | { type: 'image'; data: string; mimeType: string }
  | { type: 'resource_link'; uri: string; name: string; mimeType?: string; size?: number; title?: string };

/** The era-neutral part of an MCP `CallToolResult`: what a service answers and the gateway passes on. */
export interface ToolResult {
  /** For programs; the first of the fields. */
  _meta?: JsonObject;
  content: ContentBlock[];
  structuredContent: Record<string, unknown>;
  isError?: true;
}

export function text(value: string): ContentBlock {
  return { type: 'text', text: value };
}

/** A failed call as MCP shows it: text-only clients get the stable lead line `[code] message` (RF-60 to RF-62). */
export function toErrorResult(error: ErrorEnvelope): ToolResult {
  const most = mostThatIsShort(Math.min(1, listOf(error).length), listOf(error).length, (count) =>
    isShortError(withProblems(error, count)),
  );
  const shown = withProblems(error, most);
  return { content: [text(errorText(shown))], structuredContent: { error: shown }, isError: true };
}

function errorText(error: ErrorEnvelope): string {
  const lines = [`[${error.code}] ${error.message}`];
  for (const problem of listOf(error).filter(isProblem)) lines.push(`- ${problemLine(problem)}`);
  const more = error.details?.more_errors;
  if (typeof more === 'number') lines.push(`- and ${more} more`);
  if (error.retry_after_seconds !== undefined) lines.push(`Retry after ${error.retry_after_seconds} s.`);
  if (error.next_action !== undefined) lines.push(`Next: ${error.next_action}`);
  return lines.join('\n');
}

/** The first of the problems: whoever mends them hears of the others. */
function withProblems(error: ErrorEnvelope, count: number): ErrorEnvelope {
  const all = listOf(error);
  if (count >= all.length) return error;
  return {
    ...error,
    details: { ...error.details, errors: all.slice(0, count), more_errors: all.length - count },
  };
}

function isShortError(error: ErrorEnvelope): boolean {
  return bytesOf(errorText(error)) <= maxShortBytes && bytesOf(JSON.stringify({ error })) <= maxShortBytes;
}

function listOf({ details }: ErrorEnvelope): unknown[] {
  return Array.isArray(details?.errors) ? details.errors : [];
}

/** One problem with an argument or a model input. */
export interface Problem {
  path: string;
  message: string;
  hint?: string | undefined;
}

export function problemLine(problem: Problem): string {
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${problem.path === '' ? 'input' : problem.path}: ${problem.message}${hint}`;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'path' in value && 'message' in value;
}

export const maxShortBytes = 1_024;

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/** Whether a tool's result is short, as text and as structure. */
export function isShort(content: readonly ContentBlock[], structured: unknown): boolean {
  if (bytesOf(JSON.stringify(structured ?? {})) > maxShortBytes) return false;
  const said = content.map((block) => (block.type === 'text' ? block.text : ''));
  return bytesOf(said.join('\n')) <= maxShortBytes;
}

/** The most of `from` to `most` with which a result is short; `from` where none is. */
export function mostThatIsShort(from: number, most: number, isShortWith: (count: number) => boolean): number {
  let low = from;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (isShortWith(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The beginning of a text, not cut within a character. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const code = text.charCodeAt(length - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? length - 1 : length)}…`;
}

/** How a profile says a call. */
export interface Words {
  /** A call of an operation with these arguments; undefined where the profile has no tool for it. */
  call(operation: string, args: readonly Said[]): string | undefined;
  /** A model by its id of ours. */
  model(id: string): string;
  /** An argument of an operation by itself; undefined where the tool has none like it. */
  argument(operation: string, name: string): string | undefined;
}

/** An argument of a call: with its value as text, or its name alone. */
export interface Said {
  name: string;
  value: string | undefined;
}

const marks = {
  /** Begins and ends a sentence that stands or falls with the calls in it. */
  open: '\uE0F0',
  close: '\uE0F1',
  /** Around a call. */
  begin: '\uE0F2',
  end: '\uE0F3',
  /** Before each of its arguments, and before the value of one. */
  next: '\uE0F4',
  is: '\uE0F5',
} as const;
const everyMark = /[\uE0F0-\uE0F5]/g;
const sentence = /( ?)\uE0F0([^\uE0F0\uE0F1]*)\uE0F1/g;
const part = /\uE0F2([^\uE0F2\uE0F3]*)\uE0F3/g;

/** Marks a call of an operation in a text; an argument without a value is said by its name. */
export function callOf(
  operation: Pick<AnyOperation, 'name'>,
  args: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>> = {},
): string {
  const said = Object.entries(args).map(
    ([name, value]) => marks.next + name + (value === undefined ? '' : marks.is + JSON.stringify(value)),
  );
  return marks.begin + operation.name + said.join('') + marks.end;
}

/** Marks an argument of an operation in a text. */
export function argumentOf(operation: Pick<AnyOperation, 'name'>, name: string): string {
  return `${marks.begin}.${operation.name}${marks.next}${name}${marks.end}`;
}

/** Marks a model's id in a text: a profile may have a shorter one. */
export function modelId(id: string): string {
  return `${marks.begin}=${id}${marks.end}`;
}

/** A sentence, or a part of one, that is left out where one of its calls cannot be made: `hint\`Look with ${callOf(getRun)}.\``. */
export function hint(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const said = texts.map((text, index) => text + String(values[index] ?? '')).join('');
  return marks.open + said + marks.close;
}

/** Whether a text holds a mark: one of one-byte characters answers this without being read. */
export function hasWords(text: string): boolean {
  return text.includes(marks.begin) || text.includes(marks.open);
}

/** A text, or a text in JSON, in the words of a profile. */
export function inWords(text: string, words: Words): string {
  if (words === laterWords || !hasWords(text)) return text;
  return text
    .replace(sentence, (_all, space: string, said: string) => {
      const told = sayParts(said, words);
      return told === undefined ? '' : space + told;
    })
    .replace(part, (_all, call: string) => sayPart(call, words) ?? '')
    .replace(everyMark, '');
}

function sayParts(text: string, words: Words): string | undefined {
  let isWhole = true;
  const said = text.replace(part, (_all, call: string) => {
    const told = sayPart(call, words);
    if (told === undefined) isWhole = false;
    return told ?? '';
  });
  return isWhole ? said : undefined;
}

function sayPart(call: string, words: Words): string | undefined {
  const [name = '', ...args] = call.split(marks.next);
  if (name.startsWith('=')) return words.model(name.slice(1));
  if (name.startsWith('.')) return words.argument(name.slice(1), args[0] ?? '');
  const said = args.map((arg): Said => {
    const [argument = '', value] = arg.split(marks.is);
    return { name: argument, value };
  });
  return words.call(name, said);
}

/** The same of every text in a value; a text that was nothing but what is left out goes with its field. */
export function valueInWords(value: unknown, words: Words): unknown {
  if (words === laterWords) return value;
  if (typeof value === 'string') return inWords(value, words);
  if (Array.isArray(value)) return value.map((item) => valueInWords(item, words));
  if (typeof value !== 'object' || value === null) return value;
  const said = Object.entries(value).map(([name, item]) => [name, valueInWords(item, words)] as const);
  return Object.fromEntries(said.filter(([name, item]) => item !== '' || Reflect.get(value, name) === ''));
}

/** `get_run(run_id, wait_seconds=25)`: a call as agents read it. */
export function writeCall(name: string, args: readonly Said[]): string {
  if (args.length === 0) return name;
  return `${name}(${args.map((arg) => (arg.value === undefined ? arg.name : `${arg.name}=${arg.value}`)).join(', ')})`;
}

/** Operations by their own names: the canonical tools have the same. */
export const plainWords: Words = {
  call: writeCall,
  argument: (_operation, name) => name,
  model: (id) => id,
};

/** Leaves calls marked as they are: whoever passes the text on knows what its client calls them. */
export const laterWords: Words = {
  call: (operation, args) =>
    marks.begin +
    operation +
    args
      .map(({ name, value }) => marks.next + name + (value === undefined ? '' : marks.is + value))
      .join('') +
    marks.end,
  argument: (operation, name) => `${marks.begin}.${operation}${marks.next}${name}${marks.end}`,
  model: (id) => id,
};
