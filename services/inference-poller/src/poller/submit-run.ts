/** The one submit of a run, and what is written before and after it. */

import { createHash, randomBytes } from 'node:crypto';
import { AppError, type ErrorCode } from '@inferry/contracts';
import type { OpenedCredential } from '@inferry/credentials';
import type { JobHandle, JobView, Provider, SubmitGuard } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { filesOf, idOf, inputOf, optionsOf, shownWord } from '../runs/run-document.ts';
import { withFiles } from '../runs/run-request.ts';
import { backoffMs } from '../timings.ts';
import { endRun } from './end-run.ts';
import { failOver } from './fail-over.ts';
import { takeView } from './follow-run.ts';
import {
  accessOf,
  callProvider,
  changeRun,
  type HeldRun,
  isLeaseSafe,
  LeaseLost,
  latestNow,
  loseRun,
  noteLimit,
  refuseWithoutKey,
  releaseRun,
} from './held-run.ts';
import {
  adopt,
  noteReplyLost,
  optionsPatch,
  returnUntaken,
  type SubmitRef,
  untakenPatch,
} from './submit-facts.ts';

/** The platform took nothing and may take it later. */
const refusedForNow: ReadonlySet<ErrorCode> = new Set(['busy', 'rate_limited', 'upstream_unavailable']);
/** Errors that say nothing about whether the platform took it. */
const uncertain: ReadonlySet<ErrorCode> = new Set([
  'upstream_malformed',
  'deadline_exceeded',
  'cancelled',
  'unavailable',
  'internal',
]);

const notReadyRetryMs = 5_000;

/**
 * `queued`: sends it, once. What was written before the call tells whoever comes after a crash that it may be sent; an adapter
 * that says when its call leaves has it written then, and not before what it reads and uploads first.
 */
export async function submitRun(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const asked = await askForKey(deps, held);
  if (asked === undefined) return;
  const ready = provider.ready();
  if (!ready.isReady) {
    return releaseRun(deps, held, { at: Math.min(deps.now() + notReadyRetryMs, held.row.deadline_at) });
  }
  const sending = new Sending(deps, held, asked.key);
  try {
    const sent = await send(deps, held, { provider, access: asked, sending });
    if ('error' in sent) {
      await sending.stop();
      return await handleFailure(deps, held, { error: sent.error, access: asked.key, sending });
    }
    await keepHandle(deps, held, { ...sent, submit: sending.ref });
  } finally {
    sending.end();
  }
}

/** Before anything is sent: whoever cannot be asked for a key now is asked again later. Undefined then. */
async function askForKey(
  deps: InferenceDeps,
  held: HeldRun,
): Promise<{ key: OpenedCredential | undefined } | undefined> {
  try {
    return { key: await accessOf(deps, held.row, held.lost.signal) };
  } catch (error) {
    if (held.lost.signal.aborted) throw new LeaseLost();
    deps.log.warn({ runId: held.row.run_id, err: error }, 'no key could be asked for');
    const attempts = held.row.poll_attempts + 1;
    const at = Math.min(deps.now() + backoffMs(attempts, deps.timings, deps.random), held.row.deadline_at);
    await releaseRun(deps, held, { at, patch: { poll_attempts: attempts } });
    return undefined;
  }
}

async function send(
  deps: InferenceDeps,
  held: HeldRun,
  {
    provider,
    access,
    sending,
  }: { provider: Provider; access: { key: OpenedCredential | undefined }; sending: Sending },
): Promise<{ handle: JobHandle; view: JobView } | { error: unknown }> {
  const { row } = held;
  const { input, files } = withFiles(inputOf(row), filesOf(row));
  const webhookUrl = deps.hookUrls(row, provider);
  const { caller, upstreamRef } = optionsOf(row);
  const request = {
    nativeId: row.native_id,
    ...(upstreamRef === undefined ? {} : { clientRef: upstreamRef }),
    input,
    files,
    runId: row.run_id,
    attempt: sending.attempt,
    options: caller,
    tenant: createHash('sha256').update(row.subject).digest('base64url').slice(0, 16),
    // as: the tags were checked to be such a map before the row was written.
    tags: JSON.parse(row.metadata) as Record<string, string>,
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
  };
  try {
    refuseWithoutKey(deps, row, access.key);
    if (provider.announcesSubmit !== true) {
      await sending.announce();
      if (!sending.mayLeave()) throw new LeaseLost();
    }
    return await callProvider(deps, held, {
      name: 'submit',
      access,
      timeoutMs: deps.timings.submitTimeoutMs,
      // What has left may have been taken: whoever holds the run by then, its answer is waited for.
      isWanted: () => sending.hasLeft,
      run: (providerContext) => provider.submit(request, { ...providerContext, guard: sending }),
    });
  } catch (error) {
    return { error };
  }
}

async function handleFailure(
  deps: InferenceDeps,
  held: HeldRun,
  failure: { error: unknown; access: OpenedCredential | undefined; sending: Sending },
): Promise<void> {
  const { error, access, sending } = failure;
  const isAnswer = error instanceof AppError && !uncertain.has(error.code);
  if (sending.hasLeft && !isAnswer) return loseReply(deps, held, failure);
  // A lease that is over is no fault of the platform's: another is not asked for it.
  const isLost = held.lost.signal.aborted || !held.isHeld || sending.isKeptBack;
  const isForNow = !isAnswer || refusedForNow.has(error.code);
  try {
    if (isLost) throw new LeaseLost();
    if (await failOver(deps, held, { error, hasLeft: sending.hasLeft }))
      return await deps.journal.forget(held.row.run_id);
    if (isForNow) return await postpone(deps, held, { ...failure, access });
    await endRun(deps, held, {
      status: 'failed',
      note: `refused: ${error.code}`,
      error: error.toEnvelope(),
      charge: 'refused',
    });
    await deps.journal.forget(held.row.run_id);
  } catch (cause) {
    // That nothing was taken is known here alone: whoever finds the row would have to ask the platform.
    const { ref, hasLeft } = sending;
    if (ref !== undefined) {
      deps.insistence.insist(ref.runId, () => returnUntaken(deps, ref, { hasLeft }));
    }
    throw cause;
  }
}

/** The row stays `submitting`: the next step asks the provider what became of it, after a moment. */
async function loseReply(
  deps: InferenceDeps,
  held: HeldRun,
  { error, sending }: { error: unknown; sending: Sending },
): Promise<void> {
  deps.log.warn({ runId: held.row.run_id, err: error }, 'submit without an answer');
  try {
    if (held.lost.signal.aborted || !held.isHeld) throw new LeaseLost();
    const at = deps.now() + deps.timings.settleMs;
    await releaseRun(deps, held, {
      at,
      patch: optionsPatch(held.row, { replyLost: true }),
      note: 'the reply of the submit was lost',
    });
    await deps.journal.forget(held.row.run_id);
  } catch (cause) {
    const { ref } = sending;
    if (ref !== undefined) deps.insistence.insist(ref.runId, () => noteReplyLost(deps, ref));
    throw cause;
  }
}

/** Nothing was taken, so the next attempt may be with another key of the same owner, and then it need not wait. */
async function postpone(
  deps: InferenceDeps,
  held: HeldRun,
  { error, access, sending }: { error: unknown; access: OpenedCredential | undefined; sending: Sending },
): Promise<void> {
  const attempts = held.row.poll_attempts + 1;
  const refusal = error instanceof AppError && sending.hasLeft ? error : undefined;
  const hasOther = refusal !== undefined && (await noteLimit(deps, held.row, { access, error: refusal }));
  const askedMs = hasOther ? 0 : (refusal?.retryAfterSeconds ?? 0) * 1_000;
  const waitMs = Math.max(Math.min(askedMs, 60_000), backoffMs(attempts, deps.timings, deps.random));
  const at = Math.min(deps.now() + waitMs, held.row.deadline_at);
  if (refusal?.code === 'rate_limited' && !hasOther) held.slowUntil = at;
  const told = error instanceof AppError ? error.code : 'nothing left';
  if (refusal === undefined) deps.log.warn({ runId: held.row.run_id, err: error }, 'a submit did not leave');
  await releaseRun(deps, held, {
    at,
    patch: { ...untakenPatch(held.row, { hasLeft: sending.hasLeft, at }), poll_attempts: attempts },
    ...(attempts === 1 ? { note: `not taken yet: ${told}` } : {}),
  });
  await deps.journal.forget(held.row.run_id);
}

/**
 * The platform took it: from here on the handle is what the run is known by. It is kept until the row has it, also when
 * the database is away or the lease was lost meanwhile; then whoever holds the run loses it to this fact.
 */
export async function keepHandle(
  deps: InferenceDeps,
  held: HeldRun,
  job: { handle: JobHandle; view: JobView | undefined; submit?: SubmitRef | undefined },
): Promise<void> {
  const { handle, view, submit } = job;
  const { run_id: runId, provider } = held.row;
  const isQueued = view?.status === 'queued';
  const note = `accepted by ${provider}`;
  held.hasOwnJob = true;
  if (submit !== undefined) {
    const { submittedAt, token } = submit;
    const entry = { run_id: runId, submitted_at: submittedAt, token, handle, is_queued: isQueued };
    await deps.journal.took(entry);
  }
  try {
    if (held.lost.signal.aborted || !held.isHeld) throw new LeaseLost();
    await changeRun(deps, held, {
      patch: {
        phase: 'running',
        handle: JSON.stringify(handle),
        upstream_id: idOf(handle),
        upstream_status: view === undefined ? null : shownWord(view.upstreamStatus),
        status: isQueued ? 'queued' : 'running',
        poll_attempts: 0,
        next_poll_at: deps.now(),
      },
      event: { at: deps.now(), note },
    });
  } catch {
    held.row = { ...held.row, handle: JSON.stringify(handle) };
    const told = { runId, handle, isQueued, note, ...(submit && { submittedAt: submit.submittedAt }) };
    deps.insistence.insist(runId, () => adopt(deps, told));
    loseRun(held);
    throw new LeaseLost();
  }
  await deps.journal.forget(runId);
  if (view !== undefined) await takeView(deps, held, view);
}

/**
 * The way of one submit out of this process. Before it leaves, the row says `submitting` and the lease is proven by that very
 * write; when its connection stands, the lease is looked at once more, by a clock that goes on while the process is stopped.
 */
class Sending implements SubmitGuard {
  /** Whether the platform may have it. */
  hasLeft = false;
  /** Nothing has left, because the lease was not certain any more. */
  isKeptBack = false;
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
    this.#proveLease();
  }

  mayLeave(): boolean {
    // A platform whose work is several calls: what one of them began, the others go on with.
    if (this.hasLeft) return true;
    const maySend = !this.#isOver && this.#deps.insistence.maySend;
    this.hasLeft = maySend && isLeaseSafe(this.#deps, this.#held) && this.#isInTime();
    this.isKeptBack = !this.hasLeft;
    if (this.hasLeft) this.#onAnswer = this.#deps.insistence.awaitAnswer();
    return this.hasLeft;
  }

  /**
   * Whoever judges later what may still be taken does so by the time that was written down. A process that stood still and got its
   * lease again, since nobody else wanted it, is not to send what others will believe to be long over.
   */
  #isInTime(): boolean {
    const writtenAt = this.ref?.submittedAt ?? 0;
    return latestNow(this.#deps) < writtenAt + this.#deps.timings.submitTimeoutMs;
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

  #proveLease(): void {
    if (isLeaseSafe(this.#deps, this.#held)) return;
    this.isKeptBack = true;
    throw new LeaseLost();
  }

  async #announce(): Promise<void> {
    const deps = this.#deps;
    const held = this.#held;
    // Others judge by this time what may still be taken: older than it is, it would be given up too soon.
    await deps.clockReady();
    if (this.#isOver) throw new Error('this submit was given up');
    const submittedAt = deps.now();
    const until = submittedAt + deps.timings.leaseMs;
    const { run_id: runId } = held.row;
    const token = randomBytes(9).toString('base64url');
    // Whatever bounds what is under way counts a run that was taken only as long as its lease.
    this.#proveLease();
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
