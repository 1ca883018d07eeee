// The callers of a trial: careful ones, impatient ones, and such that ask three times at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { callTool, errorOf, runOf } from '../integration/support/mcp-http.ts';
import { trialModels } from './platform.ts';
import type { Random } from './random.ts';
import { type Dialect, dialects, drawScript, type JobScript } from './script.ts';
import type { TrialSystem } from './system.ts';

/** One thing that somebody wanted done, whatever it took to ask for it. */
export interface LogicalCall {
  tag: string;
  subject: string;
  dialect: Dialect;
  script: JobScript;
  clientRef: string | undefined;
  /** Ids of the runs that it was told, in order. */
  runIds: Set<string>;
  /** Every status that it was told of a run. */
  told: Map<string, string>;
  refused: string | undefined;
}

export interface LateAnswer {
  tool: string;
  askedAt: number;
  waitSeconds: number;
  tookMs: number;
  /** A run's status, or the code of an error. */
  said: string;
}

interface LoadReport {
  calls: readonly LogicalCall[];
  answers: number;
  hung: number;
  /** Answers that came later than their wait and three seconds. */
  late: LateAnswer[];
  worstLateMs: number;
}

/** They can be asked by our own id. */
const gentleDialects = ['runflow', 'runware'] as const;
const gentle: Partial<JobScript> = { answer: 'well', listLagMs: 0, runMs: 500 };
const lateAfterMs = 3_000;
const patienceMs = 60_000;
const terminal = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

export async function makeCalls(
  system: TrialSystem,
  random: Random,
  options: { runs: number; seconds: number; subjects: readonly string[]; isGentle: boolean },
): Promise<LoadReport> {
  const { runs, seconds, subjects, isGentle } = options;
  const caller = new Caller(system);
  const calls = Array.from({ length: runs }, (_, index): LogicalCall => {
    const tag = `t${index}`;
    return {
      tag,
      subject: random.pick(subjects),
      dialect: random.pick(isGentle ? gentleDialects : dialects),
      script: { ...drawScript(random, tag), ...(isGentle && gentle) },
      clientRef: random.chance(0.6) ? `ref-${tag}` : undefined,
      runIds: new Set(),
      told: new Map(),
      refused: undefined,
    };
  });
  const gapMs = (seconds * 1_000) / runs;
  const startedAt = performance.now();
  await Promise.all(
    calls.map(async (call, index) => {
      const manner = drawManner(random);
      await sleep(Math.max(0, startedAt + index * gapMs - performance.now()));
      await caller.follow(call, manner);
    }),
  );
  return { calls, ...caller.figures };
}

interface Manner {
  waitSeconds: number;
  /** Asks three times at once. */
  isTriple: boolean;
  cancels: boolean;
  /** Hangs up after so long. */
  leavesAfterMs: number | undefined;
}

function drawManner(random: Random): Manner {
  return {
    waitSeconds: random.pick([0, 2, 10, 20]),
    isTriple: random.chance(0.18),
    cancels: random.chance(0.05),
    leavesAfterMs: random.chance(0.15) ? random.between(20, 3_000) : undefined,
  };
}

class Caller {
  readonly figures: Omit<LoadReport, 'calls'> = { answers: 0, hung: 0, late: [], worstLateMs: 0 };
  readonly #system: TrialSystem;

  constructor(system: TrialSystem) {
    this.#system = system;
  }

  async follow(call: LogicalCall, manner: Manner): Promise<void> {
    if (manner.leavesAfterMs !== undefined) await this.#leave(call, manner.leavesAfterMs);
    const times = manner.isTriple && call.clientRef !== undefined ? 3 : 1;
    await Promise.all(Array.from({ length: times }, () => this.#start(call, manner.waitSeconds)));
    const [runId] = call.runIds;
    if (runId === undefined) return;
    if (manner.cancels)
      await this.#ask(call, { tool: 'cancel_run', args: { run_id: runId }, waitSeconds: 0 });
    await this.#watch(call, runId);
  }

  /** Asks until there is a run or a refusal; without a reference it asks once, since a repetition is another run. */
  async #start(call: LogicalCall, waitSeconds: number): Promise<void> {
    const { model, field } = trialModels[call.dialect];
    const input = { [field]: JSON.stringify(call.script) };
    const args = {
      ...{ model, input, wait_seconds: waitSeconds },
      ...(call.clientRef !== undefined && { client_ref: call.clientRef }),
    };
    const attempts = call.clientRef === undefined ? 1 : 8;
    for (let attempt = 0; attempt < attempts && call.runIds.size === 0; attempt += 1) {
      if (attempt > 0) await sleep(1_000 * attempt);
      const isAnswered = await this.#ask(call, { tool: 'run_model', args, waitSeconds });
      if (isAnswered || call.refused !== undefined) return;
    }
  }

  async #watch(call: LogicalCall, runId: string): Promise<void> {
    const until = Date.now() + 120_000;
    while (Date.now() < until && !terminal.has(call.told.get(runId) ?? '')) {
      const waitSeconds = 10;
      await this.#ask(call, {
        tool: 'get_run',
        args: { run_id: runId, wait_seconds: waitSeconds },
        waitSeconds,
      });
      await sleep(500);
    }
  }

  /** True when the answer was about a run. */
  async #ask(
    call: LogicalCall,
    { tool, args, waitSeconds }: { tool: string; args: Record<string, unknown>; waitSeconds: number },
  ): Promise<boolean> {
    const key = this.#system.keys.get(call.subject) ?? '';
    const timeoutMs = waitSeconds * 1_000 + patienceMs;
    const askedAt = Date.now();
    try {
      const outcome = await callTool(this.#system.cluster.url, { tool, args, timeoutMs, key });
      const lateMs = outcome.tookMs - waitSeconds * 1_000;
      if (outcome.status !== 0) {
        this.figures.answers += 1;
        this.figures.worstLateMs = Math.max(this.figures.worstLateMs, Math.round(lateMs));
        const said = runOf(outcome)?.status ?? errorOf(outcome)?.code ?? 'nothing';
        const { tookMs } = outcome;
        if (lateMs > lateAfterMs) this.figures.late.push({ tool, askedAt, waitSeconds, tookMs, said });
      }
      const run = runOf(outcome);
      if (run?.run_id !== undefined) {
        call.runIds.add(run.run_id);
        call.told.set(run.run_id, run.status);
        return true;
      }
      const code = errorOf(outcome)?.code;
      if (code === 'budget_exceeded') call.refused = code;
      return false;
    } catch {
      this.figures.hung += 1;
      return false;
    }
  }

  /** A caller who hangs up in the middle; what it began goes on. */
  async #leave(call: LogicalCall, afterMs: number): Promise<void> {
    if (call.clientRef === undefined) return;
    const { model, field } = trialModels[call.dialect];
    const args = { model, input: { [field]: JSON.stringify(call.script) }, client_ref: call.clientRef };
    await fetch(`${this.#system.cluster.url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: `Bearer ${this.#system.keys.get(call.subject)}`,
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: { name: 'run_model', arguments: args },
      }),
      signal: AbortSignal.timeout(afterMs),
    }).then(
      (response) => response.body?.cancel(),
      () => undefined,
    );
  }
}
