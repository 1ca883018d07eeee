import { runQueued } from '@inferry/contracts';
import { type Adoption, adoptJob, changeUnanswered, type RunRow, type RunWrite } from '@inferry/database';
import type { JobHandle } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { idOf, optionsOf, type RunOptions } from '../runs/run-document.ts';
import { backoffMs, sleep } from '../timings.ts';
import { publishProgress } from './held-run.ts';

/** One submit of a run, as the row names it. */
export interface SubmitRef {
  runId: string;
  submittedAt: number;
  token: string;
}

type FactDeps = Pick<InferenceDeps, 'bus' | 'database' | 'log' | 'journal' | 'now'>;

/** Writes that are repeated until the database has taken them, whoever holds the run by then. */
export class Insistence {
  readonly #work = new Map<string, Promise<void>>();
  /** Calls that have left and have no answer yet. */
  readonly #out = new Set<Promise<void>>();
  /** Runs of which this process has a submit on its way out. */
  readonly #sending = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #deps: Pick<InferenceDeps, 'log' | 'timings' | 'random'>;

  constructor(deps: Pick<InferenceDeps, 'log' | 'timings' | 'random'>) {
    this.#deps = deps;
  }

  /** Whether something of a run still waits to be written. */
  has(runId: string): boolean {
    return this.#work.has(runId);
  }

  /** Whether this process will say itself what became of a submit of the run. */
  willTell(runId: string): boolean {
    return this.has(runId) || this.#sending.has(runId);
  }

  /** A submit begins; it is over, or its outcome is on its way to the row, when the returned function is called. */
  beginSubmit(runId: string): () => void {
    this.#sending.set(runId, (this.#sending.get(runId) ?? 0) + 1);
    return () => {
      const others = (this.#sending.get(runId) ?? 1) - 1;
      if (others > 0) this.#sending.set(runId, others);
      else this.#sending.delete(runId);
    };
  }

  insist(runId: string, write: () => Promise<unknown>): void {
    const before = this.#work.get(runId) ?? Promise.resolve();
    const work = before
      .then(() => this.#repeat(runId, write))
      .finally(() => {
        if (this.#work.get(runId) === work) this.#work.delete(runId);
      });
    this.#work.set(runId, work);
  }

  /** A paid call has left: a process that stops waits for it until the returned function is called. */
  awaitAnswer(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#out.add(promise);
    return () => {
      this.#out.delete(promise);
      resolve();
    };
  }

  /** Resolves when every call that has left has its answer, and the answer is on its way to the row. */
  async answered(): Promise<void> {
    while (this.#out.size > 0) await Promise.all(this.#out);
  }

  /** Resolves when nothing waits to be written any more. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work.values());
  }

  close(): void {
    this.#closing.abort();
  }

  async #repeat(runId: string, write: () => Promise<unknown>): Promise<void> {
    const { log, timings, random } = this.#deps;
    for (let failures = 1; !this.#closing.signal.aborted; failures++) {
      try {
        await write();
        return;
      } catch (error) {
        log.warn({ runId, failures, err: error }, 'what is known of a submit is not written yet');
      }
      // A database that is back is used within seconds, however long it was away.
      await sleep(Math.min(backoffMs(failures, timings, random), 3_000), this.#closing.signal);
    }
  }
}

/** A job that was taken for a run, told by whoever knows of it; its row has it afterwards. */
export async function adopt(
  deps: FactDeps,
  job: { runId: string; submittedAt?: number; handle: JobHandle; isQueued?: boolean; note: string },
): Promise<Adoption> {
  const { runId, submittedAt, handle, isQueued = false, note } = job;
  const adoption = await adoptJob(deps.database, {
    ...{ runId, submittedAt, isQueued, note },
    handle: JSON.stringify(handle),
    upstreamId: idOf(handle),
    at: deps.now(),
  });
  if (adoption.outcome === 'another') {
    deps.log.error({ runId, handle: idOf(handle) }, 'a platform took two jobs for one run');
  }
  if (adoption.outcome === 'adopted') announce(deps, adoption.row);
  await deps.journal.forget(runId);
  return adoption;
}

/** The platform certainly has nothing of this submit: the run is sent later. */
export async function returnUntaken(
  deps: FactDeps,
  submit: SubmitRef,
  { hasLeft }: { hasLeft: boolean },
): Promise<void> {
  const at = deps.now();
  const note = hasLeft ? 'not taken: it is sent later' : 'it had not left: it is sent later';
  const row = await changeUnanswered(deps.database, submit.runId, (found) =>
    isOf(found, submit) ? { patch: untakenPatch(found, { hasLeft, at }), event: { at, note } } : undefined,
  );
  if (row !== undefined) announce(deps, row);
  await deps.journal.forget(submit.runId, submit.token);
}

/** The reply is lost for good: nobody is waited for who could have it. */
export async function noteReplyLost(deps: FactDeps, submit: SubmitRef): Promise<void> {
  const at = deps.now();
  await changeUnanswered(deps.database, submit.runId, (row) => {
    if (!isOf(row, submit)) return undefined;
    const patch = { ...optionsPatch(row, { replyLost: true }), next_poll_at: at };
    return { patch, event: { at, note: 'the reply of the submit was lost' } };
  });
  await deps.journal.forget(submit.runId, submit.token);
}

function isOf(row: RunRow, { token }: SubmitRef): boolean {
  return optionsOf(row).submit === token;
}

/** A submit that never left is as if it had not been tried; an id that a platform has seen is not used again. */
export function untakenPatch(
  row: RunRow,
  { hasLeft, at }: { hasLeft: boolean; at: number },
): RunWrite['patch'] {
  const { connection: _, ...options } = optionsOf(row);
  const isAnnounced = row.phase === 'submitting';
  const submits = (options.submits ?? 0) - (isAnnounced && !hasLeft ? 1 : 0);
  return {
    ...{ phase: 'queued', submitted_at: null, next_poll_at: at },
    options: JSON.stringify({ ...options, submits } satisfies RunOptions),
  };
}

export function optionsPatch(
  row: Pick<RunRow, 'options'>,
  changes: Partial<RunOptions>,
): { options: string } {
  return { options: JSON.stringify({ ...optionsOf(row), ...changes } satisfies RunOptions) };
}

function announce({ bus }: Pick<InferenceDeps, 'bus'>, row: RunRow): void {
  publishProgress({ bus }, row);
  bus.publish(runQueued, { run_id: row.run_id, provider: row.provider, is_told: true });
}
