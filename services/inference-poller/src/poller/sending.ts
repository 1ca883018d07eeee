import { randomBytes } from 'node:crypto';
import type { OpenedCredential } from '@inferry/credentials';
import type { SubmitGuard } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { optionsOf } from '../runs/run-document.ts';
import { changeRun, type HeldRun, isLeaseSafe, LeaseLost } from './held-run.ts';
import { optionsPatch, type SubmitRef } from './submit-facts.ts';

/**
 * The way of one submit out of this process. Before it leaves, the row says `submitting` and the lease is proven by that very
 * write; when its connection stands, the lease is looked at once more, by a clock that goes on while the process is stopped.
 */
export class Sending implements SubmitGuard {
  /** Whether the platform may have it. */
  hasLeft = false;
  /** Which submit of the run this is, counted from 1. */
  readonly attempt: number;
  readonly #deps: InferenceDeps;
  readonly #held: HeldRun;
  readonly #key: OpenedCredential | undefined;
  #announcing: Promise<void> | undefined;
  #isOver = false;
  #onAnswer: (() => void) | undefined;
  readonly #onEnd: () => void;
  /** What the row says of it, or may say: the answer of a write can be lost as well. */
  ref: SubmitRef | undefined;

  constructor(deps: InferenceDeps, held: HeldRun, key: OpenedCredential | undefined) {
    this.#deps = deps;
    this.#held = held;
    this.#key = key;
    this.attempt = (optionsOf(held.row).submits ?? 0) + 1;
    this.#onEnd = deps.insistence.beginSubmit(held.row.run_id);
  }

  async announce(): Promise<void> {
    if (this.#isOver) throw new Error('this submit was given up');
    this.#announcing ??= this.#announce();
    await this.#announcing;
    if (!isLeaseSafe(this.#deps, this.#held)) throw new LeaseLost();
  }

  mayLeave(): boolean {
    // A platform whose work is several calls: what one of them began, the others go on with.
    if (this.hasLeft) return true;
    this.hasLeft = !this.#isOver && isLeaseSafe(this.#deps, this.#held);
    if (this.hasLeft) this.#onAnswer = this.#deps.insistence.awaitAnswer();
    return this.hasLeft;
  }

  /** What became of it is written, or on its way to the row. */
  end(): void {
    this.#onAnswer?.();
    this.#onEnd();
  }

  /** From now on nothing of it leaves, and nothing of it is on its way to the row. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#announcing?.catch(() => undefined);
  }

  async #announce(): Promise<void> {
    const deps = this.#deps;
    const held = this.#held;
    const submittedAt = deps.now();
    const until = submittedAt + deps.timings.leaseMs;
    const { run_id: runId } = held.row;
    const token = randomBytes(9).toString('base64url');
    this.ref = { runId, submittedAt, token };
    await changeRun(deps, held, {
      patch: {
        ...{ phase: 'submitting', submitted_at: submittedAt, lease_until: until },
        ...optionsPatch(held.row, {
          ...{ submits: this.attempt, submit: token },
          replyLost: undefined,
          absences: undefined,
          // Whoever polls it next, and after any restart, does so with the same account.
          ...(this.#key !== undefined && { connection: this.#key.connectionId }),
        }),
      },
      event: { at: submittedAt, note: 'submitting' },
    });
    held.leasedUntil = Math.max(held.leasedUntil, until);
    await deps.journal.begin({ run_id: runId, submitted_at: submittedAt, token });
  }
}
