/** Content of tools' results, and how large it may be. */
import type { ErrorEnvelope } from './errors.ts';
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
