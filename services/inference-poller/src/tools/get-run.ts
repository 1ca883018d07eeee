import type { Handler } from '@inferry/bus';
import { callOf, getRun, isTerminal, type Run, type runParts, validationFailed } from '@inferry/contracts';
import { type RunRow, readRunEvents } from '@inferry/database';
import type { InferenceDeps } from '../deps.ts';
import { queuePlaceOf } from '../poller/stages.ts';
import { diagnoseRun } from '../runs/diagnose-run.ts';
import { failureOf } from '../runs/failed-run.ts';
import { findOwnRun } from '../runs/find-own-run.ts';
import {
  restCall,
  shownInputOf,
  statusOf,
  toRfc3339,
  toRun,
  toShortRun,
  windowOutputs,
} from '../runs/run-document.ts';
import { waitForRun } from '../runs/wait-for-run.ts';

type Part = (typeof runParts)[number];

const defaultMaxChars = 4_000;

/** A run as it is, or as it is after a wait. A run that failed is a good answer here, with the reason in `error`. */
export function handleGetRun(deps: InferenceDeps): Handler<typeof getRun> {
  return async (args, context) => {
    const found = await findOwnRun(deps, context.principal, keyOf(args));
    const waitSeconds = args.wait_seconds ?? 0;
    const startedAt = performance.now();
    const row =
      waitSeconds === 0 ? found : await waitForRun(deps, found, { waitSeconds, context, isNew: false });
    const described = await describe(deps, row, { args, waitSeconds: context.wait.defaultSeconds });
    if (args.tell_wait !== true || isTerminal(statusOf(row))) return described;
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    return { ...described, wait: { seconds: Math.min(seconds, waitSeconds), asked: waitSeconds } };
  };
}

async function describe(
  deps: InferenceDeps,
  row: RunRow,
  { args, waitSeconds }: { args: Parameters<Handler<typeof getRun>>[0]; waitSeconds: number },
): ReturnType<Handler<typeof getRun>> {
  const parts = new Set<Part>(args.include ?? ['outputs']);
  const { run, nextOffset } = viewOf(row, parts, { args, waitSeconds });
  const place = await placeOf(deps, row);
  if (place !== undefined) run.queue_position ??= place.position;
  const diagnosis = place?.why ?? diagnoseRun(deps, row);
  const error = failureOf(row);
  return {
    run,
    ...(await readParts(deps, row, parts)),
    ...(diagnosis === undefined ? {} : { diagnosis }),
    ...(nextOffset === undefined ? {} : { next_offset: nextOffset }),
    ...(error === undefined ? {} : { error }),
  };
}

function placeOf({ database, runLimits, now }: InferenceDeps, row: RunRow) {
  return queuePlaceOf({ queries: database.queries, limits: runLimits, now: now() }, row);
}

/** Short, unless the caller says how much it wants. */
function viewOf(
  row: RunRow,
  parts: ReadonlySet<Part>,
  { args, waitSeconds }: { args: Parameters<Handler<typeof getRun>>[0]; waitSeconds: number },
): { run: Run; nextOffset: number | undefined } {
  const { offset = 0, include, max_chars: maxChars = defaultMaxChars } = args;
  if (include === undefined && args.max_chars === undefined) {
    const run = toShortRun(row, { offset, waitSeconds });
    const shown = (run.outputs ?? []).reduce((sum, { text = '' }) => sum + text.length, 0);
    return { run, nextOffset: windowOutputs(row, { offset, maxChars: shown }).nextOffset };
  }
  const text = parts.has('outputs') ? { offset, maxChars } : undefined;
  const { upstream, ...run } = toRun(row, { text, waitSeconds });
  const nextOffset = text && windowOutputs(row, text).nextOffset;
  const next_action = nextOffset === undefined ? run.next_action : restCall(row, nextOffset);
  return {
    run: {
      ...run,
      ...(next_action === undefined ? {} : { next_action }),
      ...(parts.has('upstream') && upstream !== undefined ? { upstream } : {}),
    },
    nextOffset,
  };
}

function keyOf(args: {
  run_id?: string | undefined;
  client_ref?: string | undefined;
}): { runId: string } | { clientRef: string } {
  const { run_id: runId, client_ref: clientRef } = args;
  if (runId !== undefined && clientRef === undefined) return { runId };
  if (clientRef !== undefined && runId === undefined) return { clientRef };
  throw validationFailed(callOf(getRun), [{ path: 'run_id', message: 'give either run_id or client_ref' }]);
}

async function readParts(
  deps: InferenceDeps,
  row: RunRow,
  parts: ReadonlySet<Part>,
): Promise<{
  input?: Record<string, unknown>;
  logs?: string[];
  events?: Record<string, unknown>[];
  raw?: Record<string, unknown>;
}> {
  const events = parts.has('events') ? await readRunEvents(deps.database.queries, row.run_id) : undefined;
  return {
    ...(parts.has('input') ? { input: shownInputOf(row) } : {}),
    // as: the poller writes an array of strings.
    ...(parts.has('logs') ? { logs: JSON.parse(row.logs) as string[] } : {}),
    ...(events === undefined
      ? {}
      : { events: events.map(({ at, status, note }) => ({ at: toRfc3339(at), status, note })) }),
    // as: the poller writes a JSON object.
    ...(parts.has('raw') && row.raw !== null ? { raw: JSON.parse(row.raw) as Record<string, unknown> } : {}),
  };
}
