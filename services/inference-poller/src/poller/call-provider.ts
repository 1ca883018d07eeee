import { AppError } from '@inferry/contracts';
import type { OpenedCredential } from '@inferry/credentials';
import type { RunRow } from '@inferry/database';
import { type ProviderContext, startDeadline } from '@inferry/providers';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { InferenceDeps } from '../deps.ts';
import { optionsOf } from '../runs/run-document.ts';
import type { HeldRun } from './held-run.ts';
import { accessOf, noteLimit, noteOutcome, refuseWithoutKey, toContext } from './provider-access.ts';

const tracer = trace.getTracer('@inferry/inference-poller');

/** A provider did not answer in time, though it may well have acted. */
export class ProviderTimeout extends Error {
  override readonly name = 'ProviderTimeout';
}

export interface ProviderCall<T> {
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
