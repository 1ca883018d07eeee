// docs/errors.md: every error code, from the one table of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorRow, errorCodes } from '@inferry/contracts';

/** In the order of the table, which begins with those of the endpoint. */
const sources = ['endpoint-error-codes.ts', 'error-codes.ts'];

/** The groups are the comments of the table itself. */
export function errorsPage(): string {
  const lines = sources.flatMap((file) => {
    const source = readFileSync(join(import.meta.dirname, '../libs/contracts/src', file), 'utf8');
    return source.slice(source.indexOf('export const')).split('\n');
  });
  const parts = lines.flatMap((line) => {
    const group = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    if (group !== undefined) return ['', `## ${group}`, '', ...head];
    const code = /^ {2}(\w+): \{$/.exec(line)?.[1];
    return code === undefined ? [] : [rowOf(code)];
  });
  return [...intro, ...parts, ''].join('\n');
}

const intro = [
  '# Errors',
  '',
  '<!-- Generated from libs/contracts by `npm run docs`; do not edit. -->',
  '',
  'Codes are stable: programs may rely on them, and a test pins the list. A tool that fails answers with status 200, a',
  'result with `isError: true`, text that begins `[code] message`, and `structuredContent.error`. Other requests (files,',
  'sign-in, webhooks) and refusals of the endpoint itself have the HTTP status below; `error.data.code` of a JSON-RPC error',
  'is the same code. `retryable`: the same call may succeed later without a change.',
];
const head = ['| code | HTTP | retryable | what it means | what to do |', '|---|---|---|---|---|'];

function rowOf(code: string): string {
  const { retryable, http, meaning, fix } =
    Object.entries<ErrorRow>(errorCodes).find(([name]) => name === code)?.[1] ?? none;
  return `| \`${code}\` | ${http} | ${retryable ? 'yes' : 'no'} | ${meaning} | ${fix} |`;
}

const none: ErrorRow = { retryable: false, http: 500, meaning: '', fix: '' };
