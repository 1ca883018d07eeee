import type { Handler } from '@inferry/bus';
import { type BrowsedRun, type browseRuns, clip, type RunOutput } from '@inferry/contracts';
import { browseRunRows, type RunRow } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { errorOf, inputOf, outputsOf, toRun } from '../runs/run-document.ts';

const cursors = createCursors({
  place: z.object({ createdAt: z.number(), runId: z.string() }),
  of: 'list',
});

/** How many runs a page with a filter looks at. */
const searched = 2_000;
const shownOutputs = 4;
const aboutChars = 200;

/** The caller's runs with what tells each from its neighbours, for somebody who looks through them. */
export function handleBrowseRuns({ database }: Pick<InferenceDeps, 'database'>): Handler<typeof browseRuns> {
  return async ({ statuses, model, text, limit, cursor }, { principal }) => {
    const { subject } = principal;
    const query = [subject, statuses, model, text];
    const before = cursor === undefined ? undefined : cursors.read(query, cursor);
    const { rows, lookedUntil } = await browseRunRows(database.queries, {
      ...{ subject, statuses, model, text, before, limit, searched },
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const isFull = rows.length > limit && last !== undefined;
    const next = isFull ? { createdAt: Number(last.created_at), runId: last.run_id } : lookedUntil;
    return {
      runs: shown.map(toBrowsedRun),
      ...(next === undefined ? {} : { next_cursor: cursors.write(query, next) }),
      ...(isFull || lookedUntil === undefined ? {} : { searched }),
    };
  };
}

function toBrowsedRun(row: RunRow): BrowsedRun {
  const { next_action: _next, upstream: _upstream, outputs = [], ...run } = toRun(row, { text: shortText });
  const about = aboutOf(row);
  const code = errorOf(row)?.code;
  const all = outputsOf(row);
  const count = 'stored' in all ? all.stored.length : 0;
  return {
    ...run,
    ...(outputs.length === 0 ? {} : { outputs: outputs.slice(0, shownOutputs).map(withShortText) }),
    ...(count === 0 ? {} : { output_count: count }),
    ...(about === undefined ? {} : { about }),
    ...(row.client === '' ? {} : { client: row.client }),
    ...(code === undefined ? {} : { error_code: code }),
  };
}

const shortText = { offset: 0, maxChars: aboutChars };

function withShortText({ text, ...output }: RunOutput): RunOutput {
  return text === undefined ? output : { ...output, text: clip(text, aboutChars) };
}

/** As platforms call what a person wrote, the most telling first. */
const textFields = [
  'prompt',
  'positivePrompt',
  'text',
  'instruction',
  'query',
  'question',
  'message',
  'input',
];

function aboutOf(row: RunRow): string | undefined {
  const input = inputOf(row);
  const values = [...textFields.map((name) => input[name]), ...messagesOf(input)];
  const text = values.find((value) => typeof value === 'string' && isWords(value));
  return typeof text === 'string' ? clip(text.replace(/\s+/g, ' ').trim(), aboutChars) : undefined;
}

/** What was said last in a conversation. */
function messagesOf({ messages }: Record<string, unknown>): unknown[] {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  return typeof last === 'object' && last !== null && 'content' in last ? [last.content] : [];
}

function isWords(text: string): boolean {
  return text.trim() !== '' && !/^(?:https?:|data:|asset_)/.test(text);
}
