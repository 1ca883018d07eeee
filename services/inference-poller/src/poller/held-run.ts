/** A run that this replica holds: its lease, what is written to its row, and its calls to its platform with the key that they need. */
import {
  AppError,
  argumentOf,
  hint,
  type Principal,
  Recent,
  runModel,
  runProgressed,
} from '@inferry/contracts';
import type { Holder, OpenedCredential } from '@inferry/credentials';
import { hasOpenRuns, type RunRow, type RunWrite, writeLeasedRun } from '@inferry/database';
import { type JobHandle, type JobView, type ProviderContext, startDeadline } from '@inferry/providers';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { InferenceDeps } from '../deps.ts';
import { optionsOf, statusOf } from '../runs/run-document.ts';

/** Somebody else holds the run now, or it has ended: whoever meets this stops and touches nothing. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** A run that this replica holds the lease of, and the right to change it. */
export interface HeldRun {
  /** As it was read or written last. */
  row: RunRow;
  /** Until when the lease is certain. */
  leasedUntil: number;
  /** False once it is given back or ended. */
  isHeld: boolean;
  /** Aborted when the lease is lost. */
  lost: AbortController;
  /** Whether its job was begun or found here: one that lives in a process lives in this one. */
  hasOwnJob: boolean;
  /** The end of the job with its bytes, between the poll that saw it and its storing. */
  finalView: JobView | undefined;
  /** Called when somebody wants it cancelled, while this replica follows it. */
  onCancelRequested: (() => void) | undefined;
  /** What its provider has told of it, until the next step takes it. */
  told: ToldJob | undefined;
  /** Called with a view that the provider has told, while this replica follows it. */
  onView: ((view: JobView) => void) | undefined;
  /** Something happened at its provider: giving it back, it is due at once. */
  isHastened: boolean;
  /** Until when its platform wants to be left alone with the only key of its owner. */
  slowUntil: number | undefined;
}

/** What a provider tells of a job of its own accord, verified. */
export interface ToldJob {
  handle?: JobHandle | undefined;
  view?: JobView | undefined;
}

export function holdRun(row: RunRow): HeldRun {
  return {
    row,
    leasedUntil: row.lease_until ?? 0,
    isHeld: true,
    lost: new AbortController(),
    hasOwnJob: false,
    finalView: undefined,
    onCancelRequested: undefined,
    told: undefined,
    onView: undefined,
    isHastened: false,
    slowUntil: undefined,
  };
}

/** Whether a paid step may begin: the lease must outlast at least the moment of sending, also when this machine slept. */
export function isLeaseSafe(deps: InferenceDeps, held: HeldRun): boolean {
  const safeUntil = held.leasedUntil - deps.timings.leaseMs / 10;
  return held.isHeld && !held.lost.signal.aborted && latestNow(deps) < safeUntil;
}

/** Now, also when this machine slept since the store was asked. */
export function latestNow(deps: InferenceDeps): number {
  return deps.now() + deps.sleptMs();
}

export function loseRun(held: HeldRun): void {
  held.isHeld = false;
  held.lost.abort();
}

/** Writes a held run, guarded by owner and version, and tells those who wait for it. */
export async function changeRun(deps: InferenceDeps, held: HeldRun, write: RunWrite): Promise<void> {
  const before = held.row;
  const { run_id: runId, version } = before;
  const row = await writeLeasedRun(deps.database, { runId, owner: deps.replica, version }, write);
  if (row === undefined) {
    loseRun(held);
    throw new LeaseLost();
  }
  held.row = row;
  if (write.isRelease === true) held.isHeld = false;
  if (isVisibleChange(before, row)) publishProgress(deps, row);
}

/** Gives a run back until `at`. */
export async function releaseRun(
  deps: InferenceDeps,
  held: HeldRun,
  release: { at: number; patch?: RunWrite['patch']; note?: string },
): Promise<void> {
  const event = release.note === undefined ? {} : { event: { at: deps.now(), note: release.note } };
  const at = held.isHastened ? Math.min(release.at, deps.now()) : release.at;
  if (release.patch === undefined && release.note === undefined) return releaseUnchanged(deps, held, at);
  const patch = { ...release.patch, next_poll_at: at };
  await changeRun(deps, held, { patch, isRelease: true, ...event });
}

async function releaseUnchanged(deps: InferenceDeps, held: HeldRun, at: number): Promise<void> {
  const { run_id: runId, version } = held.row;
  if (!(await deps.releases.release({ runId, version, at }))) {
    loseRun(held);
    throw new LeaseLost();
  }
  held.row = { ...held.row, version: version + 1, next_poll_at: at, lease_owner: null, lease_until: null };
  held.isHeld = false;
}

export function publishProgress(deps: Pick<InferenceDeps, 'bus'>, row: RunRow): void {
  deps.bus.publish(runProgressed, {
    run_id: row.run_id,
    subject: row.subject,
    version: row.version,
    status: statusOf(row),
    ...(row.progress === null ? {} : { progress: row.progress }),
    ...(row.queue_position === null ? {} : { queue_position: row.queue_position }),
  });
}

/** In whose name the poller asks other services about a run. */
export function ownerOf(row: RunRow): Principal {
  return { subject: row.subject, grant_id: row.grant_id, kind: 'api_key', scopes: ['mcp'] };
}

function isVisibleChange(before: RunRow, after: RunRow): boolean {
  const isSame =
    before.status === after.status &&
    before.progress === after.progress &&
    before.queue_position === after.queue_position &&
    before.options === after.options;
  return !isSame;
}

const tracer = trace.getTracer('@inferry/inference-poller');

/** A provider did not answer in time, though it may well have acted. */
class ProviderTimeout extends Error {
  override readonly name = 'ProviderTimeout';
}

interface ProviderCall<T> {
  name: 'submit' | 'poll' | 'recover' | 'cancel';
  timeoutMs: number;
  /** The key, where it was asked for already. */
  access?: { key: OpenedCredential | undefined };
  /** Whether its answer is waited for although the lease is lost. Default: it is not. */
  isWanted?(): boolean;
  run(c: ProviderContext): Promise<T>;
}

/**
 * One call to a provider: with its caller's key, a deadline that holds even when the adapter ignores its signal, ended when the lease is
 * lost (unless its answer is wanted all the same), in a span of the trace that started the run (OpenTelemetry, GenAI conventions).
 */
export async function callProvider<T>(deps: InferenceDeps, held: HeldRun, call: ProviderCall<T>): Promise<T> {
  const { row } = held;
  const span = tracer.startSpan(
    `run ${call.name}`,
    { kind: SpanKind.CLIENT, attributes: attributesOf(row) },
    parentOf(row),
  );
  const overdue = new AbortController();
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const callOff = startDeadline(call.timeoutMs, () => {
    overdue.abort();
    // An adapter that goes on with a call of its own may hand it over first.
    const late = new ProviderTimeout(`${row.provider} did not answer in ${call.timeoutMs} ms`);
    setImmediate(() => reject(late));
  });
  const onLost = () => {
    if (call.isWanted?.() === true) return;
    overdue.abort();
    reject(new ProviderTimeout('the lease of the run was lost during the call'));
  };
  const started = performance.now();
  let failure: string | undefined;
  held.lost.signal.addEventListener('abort', onLost, { once: true });
  if (held.lost.signal.aborted) onLost();
  try {
    const { signal } = overdue;
    const work = context.with(trace.setSpan(context.active(), span), () =>
      withKey(deps, { row, call, signal }),
    );
    return await Promise.race([work, cut]);
  } catch (error) {
    failure = typeOf(error);
    span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    callOff();
    held.lost.signal.removeEventListener('abort', onLost);
    context.with(trace.setSpan(context.active(), span), () =>
      deps.metrics.called(row.provider, call.name, {
        seconds: (performance.now() - started) / 1_000,
        failure,
      }),
    );
    span.end();
  }
}

async function withKey<T>(
  deps: InferenceDeps,
  { row, call, signal }: { row: RunRow; call: ProviderCall<T>; signal: AbortSignal },
): Promise<T> {
  const access = call.access === undefined ? await accessOf(deps, row, signal) : call.access.key;
  refuseWithoutKey(deps, row, access);
  try {
    const result = await call.run({ signal, ...toContext(access) });
    noteOutcome(deps, row, { access });
    return result;
  } catch (error) {
    noteOutcome(deps, row, { access, error });
    // A submit waits for what comes of it.
    if (call.name !== 'submit') void noteLimit(deps, row, { access, error });
    throw error;
  }
}

/** A span of the run's trace that says how it ended and what it cost; what `measure` notes belongs to it. */
export function traceRunEnd(row: RunRow, charged: number | undefined, measure: () => void): void {
  const span = tracer.startSpan('run end', { attributes: attributesOf(row) }, parentOf(row));
  if (charged !== undefined) span.setAttribute('inferry.run.cost', charged);
  span.setAttribute('inferry.run.currency', row.currency);
  span.setAttribute('inferry.run.status', row.status);
  if (row.status === 'failed' || row.status === 'expired') span.setStatus({ code: SpanStatusCode.ERROR });
  context.with(trace.setSpan(context.active(), span), measure);
  span.end();
}

function attributesOf(row: RunRow): Record<string, string> {
  return {
    'gen_ai.provider.name': row.provider,
    'gen_ai.request.model': row.model,
    'gen_ai.operation.name': 'generate_content',
    'inferry.run.id': row.run_id,
    ...(row.upstream_id === null ? {} : { 'gen_ai.response.id': row.upstream_id }),
  };
}

function parentOf(row: RunRow): typeof ROOT_CONTEXT {
  const { traceparent } = optionsOf(row);
  return traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
}

/** The code only: what a platform says may hold secrets or a caller's input. */
function typeOf(error: unknown): string {
  return error instanceof AppError ? error.code : error instanceof Error ? error.name : 'unknown';
}

/** Nobody is asked for a key of the models that run on this machine. */
const localModels = 'local';

type Owned = Pick<RunRow, 'subject' | 'grant_id' | 'provider' | 'options'>;

/**
 * The key that a run uses at its provider; undefined where there is none, and for the models of this machine, which
 * need none. A run that was sent stays with the connection that it was sent with: another account knows nothing of it.
 */
export async function accessOf(
  deps: Pick<InferenceDeps, 'credentials'>,
  row: Owned,
  signal: AbortSignal,
): Promise<OpenedCredential | undefined> {
  if (row.provider === localModels) return undefined;
  const { connection } = optionsOf(row);
  return deps.credentials.get(row.provider, holderOf(row), { signal, connectionId: connection });
}

/** The owner, with what was signed for this run when it began. */
function holderOf(row: Owned): Holder {
  const { subject, grant_id } = row;
  return { subject, grant_id, grant: optionsOf(row).grant };
}

/** Nothing is sent to a platform without the key that it needs: it would answer for nobody, or to whoever asks. */
export function refuseWithoutKey(
  deps: Pick<InferenceDeps, 'providers'>,
  row: Pick<RunRow, 'provider'>,
  access: OpenedCredential | undefined,
): void {
  const provider = deps.providers.get(row.provider);
  if (access !== undefined || provider?.needsKey !== true) return;
  throw new AppError(
    'provider_not_connected',
    `There is no key of ${provider.title} for this run any more.`,
    {
      nextAction: `Connect the platform again, then run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
    },
  );
}

/** What an adapter is told of whose call it is. */
export function toContext(access: OpenedCredential | undefined): Omit<ProviderContext, 'signal'> {
  if (access === undefined) return {};
  const { credential, baseUrl } = access;
  return { credential, ...(baseUrl === undefined ? {} : { baseUrl }) };
}

/** Tells the vault of a key that was refused twice: it asks the platform itself before anything follows from it. */
function noteOutcome(
  deps: Pick<InferenceDeps, 'credentials' | 'refusals' | 'log'>,
  row: Owned,
  outcome: { access: OpenedCredential | undefined; error?: unknown },
): void {
  const { access, error } = outcome;
  if (access === undefined) return;
  const { connectionId } = access;
  if (!isRefusedKey(error)) {
    if (error === undefined) deps.refusals.accepted(connectionId);
    return;
  }
  if (!deps.refusals.isSecond(connectionId)) return;
  deps.credentials.report(row.provider, connectionId, holderOf(row)).then(
    (verdict) => deps.log.warn({ provider: row.provider, connectionId, verdict }, 'a provider refuses a key'),
    (failure: unknown) => deps.log.warn({ err: failure, connectionId }, 'a refused key was not reported'),
  );
}

/** How long a platform is left alone that did not say how long. */
const defaultLimitSeconds = 10;

/**
 * Tells the vault that the platform wants to be left alone with this key; true when the same owner has another one that
 * can be used meanwhile. Never rejects.
 */
export async function noteLimit(
  deps: Pick<InferenceDeps, 'credentials' | 'log'>,
  row: Owned,
  outcome: { access: OpenedCredential | undefined; error: unknown },
): Promise<boolean> {
  const { access, error } = outcome;
  if (access === undefined || !(error instanceof AppError) || error.code !== 'rate_limited') return false;
  const { connectionId } = access;
  const seconds = error.retryAfterSeconds ?? defaultLimitSeconds;
  try {
    return await deps.credentials.reportLimit(row.provider, { connectionId, seconds }, holderOf(row));
  } catch (failure) {
    deps.log.warn({ err: failure, connectionId }, 'a limited key was not reported');
    return false;
  }
}

/** The key that its caller brought along is wiped after the last run that needs it. Never rejects. */
export async function releaseAccess(deps: InferenceDeps, row: RunRow): Promise<void> {
  if (optionsOf(row).bringsKey !== true) return;
  const { subject, provider } = row;
  try {
    if (await hasOpenRuns(deps.database.queries, { subject, provider })) return;
    await deps.credentials.release(provider, holderOf(row));
  } catch (error) {
    // It ends by itself a while after its last use.
    deps.log.warn({ err: error, runId: row.run_id }, 'a key that was brought along was not released');
  }
}

function isRefusedKey(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'unauthorized' || error.upstreamStatus === 401);
}

/** Refusals of a key in a row, over all runs of this process. */
export class KeyRefusals {
  /** The connections whose key was refused when it was used last. */
  readonly #refused = new Recent<true>(10_000);

  /** True for the second one in a row: once may be a mistake of the platform's. */
  isSecond(connectionId: string): boolean {
    const isSecond = this.#refused.get(connectionId) === true;
    if (isSecond) this.#refused.delete(connectionId);
    else this.#refused.set(connectionId, true);
    return isSecond;
  }

  accepted(connectionId: string): void {
    this.#refused.delete(connectionId);
  }
}
