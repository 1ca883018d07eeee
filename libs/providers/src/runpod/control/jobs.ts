/** Jobs of serverless endpoints by their own ids, and why one waits in its queue. */
import { createHash } from 'node:crypto';
import { AppError, isObject, toAppError } from '@inferry/contracts';
import { malformed } from '../../http/read-answer.ts';
import { type Args, compact, type Item, type NativeAnswer, refused, refusedBy, segment } from './answer.ts';
import { isEnough, withOutputPart } from './job-output.ts';
import type { RunpodWire, WireCall } from './wire.ts';

/** How long one call of a client may take where a platform in between ends it: the hosted form's own bound. */
const httpWaitMs = 45_000;
const usualWaitMs = 90_000;
const longestWaitMs = 300_000;
const pollMs = 1_000;
const mostErrors = 5;
const terminal = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']);
const idForm = /^[a-zA-Z0-9_-]+$/;

const logMaxBytes = 256 << 10;
const logWaitMs = 5_000;

function call(args: Args, path: string, more: Partial<WireCall> = {}): WireCall {
  return { base: 'api', path: `/${idOf('endpointId', args)}/${path}`, ...more };
}

/** Ids of endpoints and jobs are parts of a path; edition 4 checks no types before. */
function idOf(name: 'endpointId' | 'jobId', args: Args): string {
  const id = args[name];
  if (typeof id === 'string' && idForm.test(id)) return id;
  throw new AppError('validation_failed', `${name} is text of letters, digits, dashes and underscores.`);
}

function job(args: Args): string {
  return idOf('jobId', args);
}

function jobBody({ input, webhook, policy, s3Config }: Args): Item {
  return compact({ input, webhook, policy, s3Config });
}

export async function runEndpoint(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const request = call(args, 'run', { method: 'POST', json: jobBody(args), purpose: 'submit' });
  return { body: await wire.object(request) };
}

export async function runsyncEndpoint(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const asked = args.wait === undefined ? undefined : typeof args.wait === 'number' ? args.wait : Number.NaN;
  if (asked !== undefined && !(asked >= 1_000))
    return refused('wait is in milliseconds, from 1000 to 300000.');
  const isHttp = wire.edition === '3.4.0' && wire.caller.transport === 'http';
  const wait = isHttp ? Math.min(asked ?? usualWaitMs, httpWaitMs) : asked && Math.min(asked, longestWaitMs);
  const request = call(args, 'runsync', {
    method: 'POST',
    json: jobBody(args),
    ...(wait !== undefined && { query: { wait } }),
    timeoutMs: (wait ?? usualWaitMs) + 30_000,
    purpose: 'submit',
  });
  const body = withOutputPart(await wire.object(request));
  const isClamped = isHttp && (asked ?? usualWaitMs) > httpWaitMs && !terminal.has(String(body.status));
  if (!isClamped) return { body };
  const reason = 'The job goes on. Ask for it with get-job-status.';
  return {
    body: { ...body, waitClamped: { requestedMs: asked ?? usualWaitMs, effectiveMs: httpWaitMs, reason } },
  };
}

export async function getJobStatus(
  args: Args,
  wire: RunpodWire,
  queue: QueueDiagnoses | undefined,
): Promise<NativeAnswer> {
  const request = call(args, `status/${job(args)}`);
  const until = wire.now() + Math.min(Number(args.wait ?? 0), longestWaitMs);
  let body = await wire.object(request);
  while (!terminal.has(String(body.status)) && wire.now() + pollMs <= until && !wire.signal.aborted) {
    await wire.pause(pollMs);
    body = await wire.object(request);
  }
  if (body.status !== 'IN_QUEUE' || queue === undefined) return { body: withOutputPart(body, args) };
  return { body: { ...body, ...(await queue.of(String(args.endpointId), wire)) } };
}

/** What has come of a stream so far. */
interface Collected {
  chunks: unknown[];
  last: Item;
  errors: number;
}

/** Chunks until the job ends, the time is over or the platform fails again and again; nothing that came is lost. */
export async function streamJob(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const isHttp = wire.caller.transport === 'http';
  const isHeld = isHttp && wire.edition === '3.4.0';
  const request = call(args, `stream/${job(args)}`, isHeld ? { query: { wait: pollMs } } : {});
  const until = wire.now() + (isHttp ? httpWaitMs : longestWaitMs);
  const collected: Collected = { chunks: [], last: {}, errors: 0 };
  for (;;) {
    const end = await readChunks(request, collected, wire);
    if (end !== undefined) return end;
    const isOver = wire.now() >= until;
    if (isOver || isEnough(collected.chunks)) {
      const note = 'The job goes on. Call stream-job again for what comes next, or get-job-status.';
      const why = isOver ? { pollingTimedOut: true } : { isPart: true };
      return { body: { ...collected.last, stream: collected.chunks, ...why, note } };
    }
    // The platform holds a call for a while itself; one that it does not hold must not become a busy loop.
    await wire.pause(isHeld ? 100 : pollMs);
  }
}

/** One read of the stream; an answer when it was the last. */
async function readChunks(
  request: WireCall,
  collected: Collected,
  wire: RunpodWire,
): Promise<NativeAnswer | undefined> {
  const reply = await wire.send(request).catch((error: unknown) => toAppError(error));
  const failure = reply instanceof AppError ? reply : reply.status >= 400 ? wire.failure(reply) : undefined;
  if (failure === undefined) {
    collected.errors = 0;
    keep(reply instanceof AppError ? undefined : reply.body, collected);
    const { last, chunks } = collected;
    return terminal.has(String(last.status)) ? { body: { ...last, stream: chunks } } : undefined;
  }
  collected.errors += 1;
  if (collected.errors < mostErrors && !isFinal(failure) && !wire.signal.aborted) return undefined;
  return cutShort(collected, failure, wire);
}

/** The reference shows a bare list where most workers send an object. */
function keep(body: unknown, collected: Collected): void {
  const { stream, ...rest }: Item = Array.isArray(body) ? { stream: body } : isObject(body) ? body : {};
  if (Array.isArray(stream)) collected.chunks.push(...stream);
  collected.last = { ...collected.last, ...rest };
}

/** Refused, and not for now: the next read is refused as well. */
function isFinal({ upstreamStatus }: AppError): boolean {
  return upstreamStatus !== undefined && upstreamStatus < 500 && upstreamStatus !== 429;
}

function cutShort({ chunks, last }: Collected, failure: AppError, wire: RunpodWire): NativeAnswer {
  const isThird = wire.edition === '3.4.0';
  if (chunks.length === 0 && isThird) throw failure;
  const error = `The stream broke off: ${failure.message}`;
  const note = 'What had come is here. Call stream-job again, or get-job-status.';
  if (isThird) return { body: { ...last, stream: chunks, error, note }, isError: true, cause: failure };
  const told = isObject(wire.refusedBody) ? wire.refusedBody : {};
  const detail = isFinal(failure) ? { ...told, stream: chunks } : { ...last, stream: chunks, note };
  return { body: { error, detail, hint: note }, isError: true, cause: failure };
}

const posted =
  (path: (args: Args) => string, purpose: 'change' | 'submit') => async (args: Args, wire: RunpodWire) => {
    const reply = await wire.send(call(args, path(args), { method: 'POST', purpose }));
    if (reply.status >= 400) throw wire.failure(reply, purpose);
    // Done, and nothing to say of it.
    if (reply.body === undefined) return { body: {} };
    if (isObject(reply.body)) return { body: reply.body };
    throw malformed('Runpod', reply.status, 'no object');
  };

export const cancelJob = posted((args) => `cancel/${job(args)}`, 'change');
/** Runs it again, for money. */
export const retryJob = posted((args) => `retry/${job(args)}`, 'submit');
export const purgeQueue = posted(() => 'purge-queue', 'change');

export async function endpointHealth(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  return { body: await wire.object(call(args, 'health')) };
}

const keptMs = 15_000;
const mostKept = 500;

/** Why jobs wait, by endpoint; asked for at most every 15 s, and never a reason for a status to fail. */
export class QueueDiagnoses {
  readonly #kept = new Map<string, { value: Item; until: number }>();

  async of(endpointId: string, wire: RunpodWire): Promise<Item> {
    // Of one key alone: what one account may see of an endpoint is nobody else's.
    const holder = createHash('sha256')
      .update(wire.context.credential?.reveal() ?? '')
      .digest('base64');
    const key = `${holder} ${endpointId}`;
    const known = this.#kept.get(key);
    if (known !== undefined && known.until > wire.now()) return known.value;
    this.#kept.delete(key);
    const reply = await wire
      .send({ base: 'rest', path: `/serverless/${segment(endpointId)}/workers` })
      .catch(() => undefined);
    if (reply === undefined || reply.status >= 400 || !isObject(reply.body)) return {};
    const { summary, workers } = reply.body;
    if (!isObject(summary)) return {};
    const listed = Array.isArray(workers) ? workers.filter(isObject) : [];
    const hint =
      hintOf(summary, listed) ??
      (wire.edition === '4.0.0' ? 'Workers run: the job is next when one is free.' : undefined);
    const value = { workerHealth: summary, ...(hint !== undefined && { hint }) };
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= mostKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, { value, until: wire.now() + keptMs });
    return value;
  }
}

/** The reason in plain words, with the workers that show it: a crash loop before a lack of machines. */
export function hintOf(summary: Item, workers: readonly Item[]): string | undefined {
  const count = (name: string) => Number(summary[name] ?? 0);
  const named = (status: string) => {
    const ids = workers.filter((worker) => worker.status === status).map(({ id }) => String(id));
    return ids.length === 0 ? '' : ` (${ids.slice(0, 10).join(', ')})`;
  };
  if (count('unhealthy') > 0) {
    return `${count('unhealthy')} of ${count('total')} workers are unhealthy${named('UNHEALTHY')}: their container crashes again and again. It is no lack of machines; read their log with stream-worker-logs.`;
  }
  if (count('total') === 0) {
    return 'No worker is there: it starts from nothing, or no machine has the GPU and CUDA version that the endpoint asks for. See get-capacity if it lasts.';
  }
  if (count('throttled') > 0 && count('running') === 0) {
    return `Workers are throttled${named('THROTTLED')}: their machines are full. The job starts when one is free; more pools or data centres help.`;
  }
  if (count('initializing') > 0) {
    return `A worker starts${named('INITIALIZING')}: it loads its image and model.`;
  }
  return undefined;
}

/** Edition 4 checks no types before: what is none of the choices is left out, and numbers are brought within their bounds. */
function bounded({ source, tail, since, maxWaitMs }: Args): Args {
  const between = (value: unknown, [least, most]: readonly [number, number]) => {
    const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
    return value === undefined || !Number.isFinite(number)
      ? undefined
      : Math.min(Math.max(Math.trunc(number), least), most);
  };
  return {
    source: source === 'container' || source === 'system' ? source : undefined,
    tail: between(tail, [0, 5_000]),
    since: typeof since === 'string' ? since : undefined,
    maxWaitMs: between(maxWaitMs, [500, 30_000]),
  };
}

/** A bounded look at a log that never ends. */
export async function readLogs(path: string, args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const { source, tail, since, maxWaitMs } = wire.edition === '3.4.0' ? args : bounded(args);
  // as: numbers and texts, by the tool's schema.
  const query = compact({ source: source === 'both' ? undefined : source, tail, since }) as Record<
    string,
    string | number
  >;
  try {
    const { lines, truncated } = await wire.events(
      { path, query },
      { maxWaitMs: typeof maxWaitMs === 'number' ? maxWaitMs : logWaitMs, maxBytes: logMaxBytes },
    );
    const items = lines.map(toEntry);
    return { body: { items, count: items.length, truncated } };
  } catch (error) {
    if (wire.edition !== '3.4.0' || !(error instanceof AppError) || error.upstreamStatus === undefined)
      throw error;
    return refusedBy(error);
  }
}

function toEntry(line: string): Item {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch {
    // A container may write anything.
  }
  return { raw: line };
}

export const podLogs = (args: Args, wire: RunpodWire) =>
  readLogs(`/pods/${segment(args.podId)}/logs`, args, wire);
export const workerLogs = (args: Args, wire: RunpodWire) =>
  readLogs(`/serverless/${segment(args.endpointId)}/workers/${segment(args.workerId)}/logs`, args, wire);
