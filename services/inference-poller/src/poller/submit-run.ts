import { AppError, type ErrorCode } from '@inferry/contracts';
import type { OpenedCredential } from '@inferry/credentials';
import type { JobHandle, JobView, Provider } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { withFiles } from '../runs/input-files.ts';
import { filesOf, idOf, inputOf, optionsOf, type RunOptions, shownWord } from '../runs/run-document.ts';
import { backoffMs } from '../timings.ts';
import { callProvider } from './call-provider.ts';
import { endRun } from './end-run.ts';
import { changeRun, type HeldRun, insistOnChange, isLeaseSafe, LeaseLost, releaseRun } from './held-run.ts';
import { accessOf, noteLimit, refuseWithoutKey } from './provider-access.ts';
import { takeView } from './take-view.ts';

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

/** `queued`: sends it, once. What was written before the call tells whoever comes after a crash that it may be sent. */
export async function submitRun(deps: InferenceDeps, held: HeldRun, provider: Provider): Promise<void> {
  const asked = await askForKey(deps, held);
  if (asked === undefined) return;
  const ready = provider.ready();
  if (!ready.isReady) {
    return releaseRun(deps, held, { at: Math.min(deps.now() + notReadyRetryMs, held.row.deadline_at) });
  }
  try {
    refuseWithoutKey(deps, held.row, asked.key);
  } catch (error) {
    return handleFailure(deps, held, { error, access: undefined });
  }
  await changeRun(deps, held, {
    patch: { phase: 'submitting', submitted_at: deps.now(), ...keptConnection(held, asked.key) },
    event: { at: deps.now(), note: 'submitting' },
  });
  // This process may have been stopped for longer than its lease: then somebody else decides.
  if (!isLeaseSafe(deps, held)) throw new LeaseLost();
  const sent = await send(deps, held, { provider, access: asked });
  if ('error' in sent) return handleFailure(deps, held, { error: sent.error, access: asked.key });
  await keepHandle(deps, held, sent);
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

/** Whoever polls it next, and after any restart, does so with the same account. */
function keptConnection({ row }: HeldRun, key: OpenedCredential | undefined): { options?: string } {
  if (key === undefined) return {};
  const options: RunOptions = { ...optionsOf(row), connection: key.connectionId };
  return { options: JSON.stringify(options) };
}

async function send(
  deps: InferenceDeps,
  held: HeldRun,
  { provider, access }: { provider: Provider; access: { key: OpenedCredential | undefined } },
): Promise<{ handle: JobHandle; view: JobView } | { error: unknown }> {
  const { row } = held;
  const { input, files } = withFiles(inputOf(row), filesOf(row));
  const webhookUrl = deps.hookUrls(row, provider);
  const request = {
    nativeId: row.native_id,
    input,
    files,
    runId: row.run_id,
    options: optionsOf(row).caller,
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
  };
  try {
    return await callProvider(deps, held, {
      name: 'submit',
      access,
      timeoutMs: deps.timings.submitTimeoutMs,
      run: (providerContext) => provider.submit(request, providerContext),
    });
  } catch (error) {
    return { error };
  }
}

async function handleFailure(
  deps: InferenceDeps,
  held: HeldRun,
  { error, access }: { error: unknown; access: OpenedCredential | undefined },
): Promise<void> {
  if (held.lost.signal.aborted) throw new LeaseLost();
  if (!(error instanceof AppError) || uncertain.has(error.code)) {
    deps.log.warn({ runId: held.row.run_id, err: error }, 'submit without an answer');
    // The row stays `submitting`: the next step asks the provider what became of it, after a moment.
    const at = deps.now() + deps.timings.settleMs;
    return releaseRun(deps, held, { at, note: 'the reply of the submit was lost' });
  }
  if (refusedForNow.has(error.code)) return postpone(deps, held, { error, access });
  await endRun(deps, held, {
    status: 'failed',
    note: `refused: ${error.code}`,
    error: error.toEnvelope(),
    charge: 'refused',
  });
}

/** Nothing was taken, so the next attempt may be with another key of the same owner, and then it need not wait. */
async function postpone(
  deps: InferenceDeps,
  held: HeldRun,
  { error, access }: { error: AppError; access: OpenedCredential | undefined },
): Promise<void> {
  const attempts = held.row.poll_attempts + 1;
  const hasOther = await noteLimit(deps, held.row, { access, error });
  const askedMs = hasOther ? 0 : (error.retryAfterSeconds ?? 0) * 1_000;
  const { connection: _refused, ...options } = optionsOf(held.row);
  const waitMs = Math.max(Math.min(askedMs, 60_000), backoffMs(attempts, deps.timings, deps.random));
  await releaseRun(deps, held, {
    at: Math.min(deps.now() + waitMs, held.row.deadline_at),
    patch: {
      ...{ phase: 'queued', poll_attempts: attempts, submitted_at: null },
      options: JSON.stringify(options),
    },
    ...(attempts === 1 ? { note: `not taken yet: ${error.code}` } : {}),
  });
}

/** The platform took it: from here on the handle is what the run is known by. */
export async function keepHandle(
  deps: InferenceDeps,
  held: HeldRun,
  job: { handle: JobHandle; view: JobView | undefined },
): Promise<void> {
  await insistOnChange(deps, held, {
    patch: {
      phase: 'running',
      handle: JSON.stringify(job.handle),
      upstream_id: idOf(job.handle),
      upstream_status: job.view === undefined ? null : shownWord(job.view.upstreamStatus),
      status: job.view?.status === 'queued' ? 'queued' : 'running',
      poll_attempts: 0,
      next_poll_at: deps.now(),
    },
    event: { at: deps.now(), note: `accepted by ${held.row.provider}` },
  });
  if (job.view !== undefined) await takeView(deps, held, job.view);
}
