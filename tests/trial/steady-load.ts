/** Callers that go on asking while something happens to a system: what was refused, for how long, and what became of their runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScriptedUpstream } from '@inferry/testing/scripted-upstream';
import { type CallOutcome, callTool, errorOf, runOf } from '../integration/support/mcp-http.ts';

export interface LoadFigures {
  calls: number;
  /** Answered with an error, or not at all, also when asked once more over a new connection. */
  failed: number;
  failed_by_code: Record<string, number>;
  /** Connections that broke, and were answered when asked once more. */
  retried: number;
  /** From the first call that failed until calls of this kind were answered again, at the most. */
  longest_outage_ms: number;
  p99_ms: number;
  runs: number;
  succeeded: number;
  /** Runs that did not end, or ended otherwise. */
  lost: number;
  sent_twice: number;
  failures: readonly Failure[];
}

/** A call that failed for good, with all that was seen of it. */
export interface Failure {
  /** ISO 8601, of its beginning. */
  at: string;
  tool: string;
  tries: readonly {
    status: number;
    servedBy: string | undefined;
    broken: string | undefined;
    answer: unknown;
    tookMs: number;
  }[];
}

interface Options {
  url: string;
  upstream: ScriptedUpstream;
  /** Between two calls. */
  everyMs: number;
}

const ends = new Set(['succeeded', 'failed', 'cancelled', 'expired']);
const reads = [
  { tool: 'list_runs', args: { limit: 1 } },
  { tool: 'search_models', args: { query: 'job', limit: 1 } },
] as const;
const callTimeoutMs = 60_000;
const patienceMs = 300_000;

export class SteadyLoad {
  readonly #options: Options;
  readonly #stop = new AbortController();
  readonly #runs: Promise<string>[] = [];
  readonly #refs: string[] = [];
  readonly #tookMs: number[] = [];
  readonly #failedByCode: Record<string, number> = {};
  readonly #brokenSince = new Map<string, number>();
  readonly #failures: Failure[] = [];
  #calls = 0;
  #retried = 0;
  #longestOutageMs = 0;
  #calling: Promise<unknown> = Promise.resolve();

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    const pending: Promise<void>[] = [];
    this.#calling = (async () => {
      for (let place = 0; !this.#stop.signal.aborted; place += 1) {
        pending.push(this.#ask(reads[place % reads.length] ?? reads[0]));
        await sleep(this.#options.everyMs);
      }
      await Promise.all(pending);
    })();
  }

  /** Runs that are waited for to their end, as careful clients do: the same reference after every failure. */
  openRuns(count: number, { durationMs }: { durationMs: number }): void {
    for (let place = 0; place < count; place += 1) {
      const ref = `run-${this.#refs.length}`;
      this.#refs.push(ref);
      // They end one after the other in the last third.
      this.#runs.push(this.#follow(ref, Math.round(durationMs * (2 / 3 + place / (3 * count)))));
    }
  }

  /** How many of the runs are at the platform. */
  underWay(): number {
    return this.#options.upstream.acceptances().size;
  }

  /** Calls stop; runs are followed to their ends. */
  async end(): Promise<LoadFigures> {
    const statuses = await Promise.all(this.#runs);
    this.#stop.abort();
    await this.#calling;
    const failed = Object.values(this.#failedByCode).reduce((sum, count) => sum + count, 0);
    const succeeded = statuses.filter((status) => status === 'succeeded').length;
    const twice = [...this.#options.upstream.acceptances().values()].filter((count) => count > 1).length;
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    return {
      ...{ calls: this.#calls, failed, failed_by_code: this.#failedByCode, retried: this.#retried },
      longest_outage_ms: Math.round(this.#longestOutageMs),
      p99_ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
      ...{ runs: statuses.length, succeeded, lost: statuses.length - succeeded, sent_twice: twice },
      failures: this.#failures,
    };
  }

  async #ask({ tool, args }: (typeof reads)[number]): Promise<void> {
    this.#calls += 1;
    const at = new Date().toISOString();
    const startedAt = performance.now();
    const request = { tool, args, timeoutMs: callTimeoutMs };
    const first = await callTool(this.#options.url, request).catch(hung);
    const isBroken = first.status === 0;
    const outcome = isBroken ? await callTool(this.#options.url, request).catch(hung) : first;
    if (!outcome.isError) {
      if (isBroken) this.#retried += 1;
      this.#tookMs.push(performance.now() - startedAt);
      const since = this.#brokenSince.get(tool);
      if (since !== undefined && startedAt >= since) {
        this.#longestOutageMs = Math.max(this.#longestOutageMs, performance.now() - since);
        this.#brokenSince.delete(tool);
      }
      return;
    }
    const tries = isBroken ? [first, outcome] : [outcome];
    this.#failures.push({ at, tool, tries: tries.map(toTry) });
    const error = errorOf(outcome);
    const code =
      error === undefined ? `http_${outcome.status}` : `${tool} ${error.code}: ${error.message ?? ''}`;
    this.#failedByCode[code] = (this.#failedByCode[code] ?? 0) + 1;
    if (!this.#brokenSince.has(tool)) this.#brokenSince.set(tool, startedAt);
  }

  async #follow(ref: string, durationMs: number): Promise<string> {
    const until = performance.now() + durationMs + patienceMs;
    const args = {
      ...{ model: 'scripted/job', input: { duration_ms: durationMs, text: ref } },
      ...{ client_ref: ref, wait_seconds: 20 },
    };
    let last = 'unknown';
    while (performance.now() < until) {
      const outcome = await callTool(this.#options.url, { tool: 'run_model', args, timeoutMs: 90_000 }).catch(
        () => undefined,
      );
      const run = outcome && runOf(outcome);
      last = run?.status ?? last;
      if (run !== undefined && ends.has(run.status)) return run.status;
      await sleep(500);
    }
    return last;
  }
}

function hung(error: unknown): CallOutcome {
  return { status: 0, isError: true, structured: {}, tookMs: callTimeoutMs, broken: String(error) };
}

function toTry({ status, servedBy, broken, structured, tookMs }: CallOutcome): Failure['tries'][number] {
  return { status, servedBy, broken, answer: structured, tookMs: Math.round(tookMs) };
}
