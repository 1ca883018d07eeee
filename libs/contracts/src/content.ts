import type { ErrorEnvelope } from './errors.ts';

/** The kinds of MCP content that our tools return (MCP 2026-07-28, tools). */
export type ContentBlock =
  | { type: 'text'; text: string }
  | { type: 'image'; data: string; mimeType: string }
  | { type: 'resource_link'; uri: string; name: string; mimeType?: string; size?: number; title?: string };

/** The era-neutral part of an MCP `CallToolResult`: what a service answers and the gateway passes on. */
export interface ToolResult {
  content: ContentBlock[];
  structuredContent: Record<string, unknown>;
  isError?: true;
}

export function text(value: string): ContentBlock {
  return { type: 'text', text: value };
}

/** A failed call as MCP shows it: text-only clients get the stable lead line `[code] message` (RF-60 to RF-62). */
export function toErrorResult(error: ErrorEnvelope): ToolResult {
  const lines = [`[${error.code}] ${error.message}`];
  for (const problem of problemsOf(error)) lines.push(`- ${problem}`);
  if (error.retry_after_seconds !== undefined) lines.push(`Retry after ${error.retry_after_seconds} s.`);
  if (error.next_action !== undefined) lines.push(`Next: ${error.next_action}`);
  return { content: [text(lines.join('\n'))], structuredContent: { error }, isError: true };
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

function problemsOf(error: ErrorEnvelope): string[] {
  const problems = error.details?.errors;
  if (!Array.isArray(problems)) return [];
  return problems.slice(0, 8).filter(isProblem).map(problemLine);
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'path' in value && 'message' in value;
}
