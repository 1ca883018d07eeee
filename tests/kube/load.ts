// Callers of a deployment while something happens to it: steady calls without a second try, counted by how they ended.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { callTool, errorOf, runOf } from '../integration/support/mcp-http.ts';

export interface LoadReport {
  calls: number;
  failed: number;
  /** What was said instead of an answer, and how often. */
  refusals: Record<string, number>;
  runs: number;
  succeeded: number;
}

export interface Load {
  /** Begins no more calls, and waits for what was begun. */
  stop(): Promise<LoadReport>;
}

const root = join(import.meta.dirname, '../..');
const everyMs = 250;
const terminal = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

/** Searches, lists and begins runs at `url` until it is stopped; runs are followed to their end afterwards. */
export function startLoad(url: string, key: string): Load {
  const ending = new AbortController();
  const refusals: Record<string, number> = {};
  const runIds = new Set<string>();
  const open = new Set<Promise<void>>();
  let calls = 0;
  const ask = async (tool: string, args: Record<string, unknown>) => {
    calls += 1;
    const outcome = await callTool(url, { tool, args, timeoutMs: 120_000, key });
    const run = runOf(outcome);
    if (run !== undefined) runIds.add(run.run_id);
    if (outcome.status === 200 && !outcome.isError) return;
    const said = `${tool} ${outcome.status} ${errorOf(outcome)?.code ?? ''}`.trim();
    refusals[said] = (refusals[said] ?? 0) + 1;
  };
  const kinds = [
    () => ask('search_models', { query: 'text' }),
    () => ask('list_runs', { limit: 5 }),
    () => ask('search_models', { query: 'picture', limit: 3 }),
    () => ask('run_model', { ...summary(), wait_seconds: 20 }),
  ];
  const loop = (async () => {
    for (let turn = 0; !ending.signal.aborted; turn += 1) {
      const call = kinds[turn % kinds.length]?.() ?? Promise.resolve();
      open.add(call);
      void call.finally(() => open.delete(call));
      await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      ending.abort();
      await loop;
      await Promise.all(open);
      const failed = Object.values(refusals).reduce((sum, count) => sum + count, 0);
      const ends = await Promise.all([...runIds].map((id) => endOf(url, key, id)));
      const succeeded = ends.filter((status) => status === 'succeeded').length;
      return { calls, failed, refusals, runs: runIds.size, succeeded };
    },
  };
}

function summary(): Record<string, unknown> {
  const text = 'A gateway takes calls. A poller asks platforms. Files are kept by the upload service.';
  return { model: 'local/summarize', input: { text }, client_ref: randomUUID() };
}

async function endOf(url: string, key: string, runId: string): Promise<string> {
  for (let turn = 0; turn < 20; turn += 1) {
    const args = { run_id: runId, wait_seconds: 20 };
    const run = runOf(await callTool(url, { tool: 'get_run', args, timeoutMs: 60_000, key }));
    if (run !== undefined && terminal.has(run.status)) return run.status;
    await sleep(1_000);
  }
  return 'unknown';
}

/** What `npm run demo` does, at a deployment. */
export async function runDemo(url: string, key: string): Promise<void> {
  const env = { ...process.env, INFERRY_URL: `${url}/mcp`, INFERRY_KEY: key };
  await promisify(execFile)(process.execPath, ['cli/src/main.ts', 'demo'], {
    cwd: root,
    env,
    timeout: 240_000,
  });
}

/** One line of a report. */
export function told(what: string, { calls, failed, refusals, runs, succeeded }: LoadReport): string {
  const why = failed === 0 ? '' : ` (${JSON.stringify(refusals)})`;
  return `${what}: ${failed} of ${calls} calls failed${why}, ${succeeded} of ${runs} runs succeeded`;
}
