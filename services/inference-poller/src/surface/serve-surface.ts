import {
  AppError,
  isTerminal,
  type OfferedTemplate,
  type ResourceContents,
  runViewUri,
  surfaceOf,
} from '@inferry/contracts';
import type { RunRow } from '@inferry/database';
import type { RunView } from '@inferry/run-view';
import type { InferenceDeps } from '../deps.ts';
import { findOwnRun } from '../runs/find-own-run.ts';
import { outputsOf, shortText, statusOf, toRun } from '../runs/run-document.ts';

const runPrefix = 'inferry://runs/';

const templates: OfferedTemplate[] = [
  {
    uriTemplate: `${runPrefix}{run_id}`,
    name: 'run',
    title: 'Run',
    description: 'One of your runs: status, outputs and cost. Subscribe to it to be told of its end.',
    mimeType: 'application/json',
  },
  {
    uriTemplate: `${runPrefix}{run_id}/outputs/{index}`,
    name: 'run_output',
    title: 'Output of a run',
    description: 'The whole text of an output, or where its file is.',
  },
];

/** Templates do not change while a process runs; a release that changes them changes this. */
const version = 'runs-2';

/** The view changes with a release, and its origins with the configuration. */
const viewTtlMs = 300_000;

/** An ended run stays as it is, but the links of its outputs expire. */
const endedTtlMs = 60_000;

/** The bus carries no more in one message; `get_run` reads a longer text in parts. */
const maxTextChars = 200_000;

/**
 * Runs and their outputs as resources of whoever started them, found by id, so that none is listed; and the view that
 * shows one, which tools name (MCP Apps: such a resource need not be listed either).
 */
export function serveRunSurface(deps: Pick<InferenceDeps, 'bus' | 'database'>, view: RunView): void {
  const { bus } = deps;
  const surface = surfaceOf('inference');
  const description = { scope: 'runs:read', prompts: [], templates, uri_prefixes: [runPrefix, runViewUri] };
  bus.serve(surface.describe, async ({ known_version: known }) =>
    known === version ? { version } : { version, description },
  );
  bus.serve(surface.getPrompt, async () => {
    throw new AppError('prompt_not_found', 'There is no such prompt here.');
  });
  bus.serve(surface.listResources, async () => ({ items: [] }));
  bus.serve(surface.complete, async () => ({ values: [], total: 0, has_more: false }));
  bus.serve(surface.readResource, async ({ uri }, { principal }) => {
    if (uri === runViewUri) return { contents: [await view.read()], ttl_ms: viewTtlMs };
    const target = parseRunUri(uri);
    if (target === undefined) throw notFound();
    const row = await findOwnRun(deps, principal, { runId: target.runId }).catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'run_not_found' ? notFound() : error;
    });
    const contents =
      target.index === undefined ? runContents(uri, row) : outputContents(uri, row, target.index);
    return { contents: [contents], ttl_ms: isTerminal(statusOf(row)) ? endedTtlMs : 0 };
  });
}

/** `inferry://runs/{run_id}` or `inferry://runs/{run_id}/outputs/{index}`. */
function parseRunUri(uri: string): { runId: string; index: number | undefined } | undefined {
  const match = /^inferry:\/\/runs\/([A-Za-z0-9_-]{1,64})(?:\/outputs\/(\d{1,4}))?$/.exec(uri);
  const [, runId, index] = match ?? [];
  if (runId === undefined) return undefined;
  return { runId, index: index === undefined ? undefined : Number(index) };
}

function runContents(uri: string, row: RunRow): ResourceContents {
  return { uri, mimeType: 'application/json', text: JSON.stringify(toRun(row, { text: shortText })) };
}

/** Text as it is; of a file, where it can be read: bytes never travel on the bus. */
function outputContents(uri: string, row: RunRow, index: number): ResourceContents {
  const outputs = outputsOf(row);
  const output = 'stored' in outputs ? outputs.stored[index] : undefined;
  if (output === undefined) throw notFound();
  const { text, ...file } = output;
  if (text === undefined || text.length > maxTextChars) {
    return { uri, mimeType: 'application/json', text: JSON.stringify(file) };
  }
  return { uri, mimeType: output.mime_type ?? 'text/plain', text };
}

function notFound(): AppError {
  return new AppError('resource_not_found', 'There is no such resource.');
}
