/** One request, never sent twice, and its reply: bounded, unpacked, as it comes or whole. */
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AppError, codingsOf, unpacked as unpackedBy } from '@inferry/contracts';
import { type Dispatcher, request } from 'undici';
import type { SubmitGuard } from '../provider.ts';
import { toNotSent } from './transport-failure.ts';

type RequestOptions = NonNullable<Parameters<typeof request<null>>[1]>;

/**
 * The one POST of a submit. Whether its first byte has left is known and not guessed from an error's code: whatever goes
 * wrong before (a name, a connection, a handshake, a proxy that refuses, a deadline) is thrown as a refusal, so that the
 * run is sent later; whatever comes after is passed on as it is. The guard is asked at that very moment too, so that a
 * process that was stopped on the way and wakes up sends nothing.
 */
export async function sendOnce(
  url: URL,
  options: RequestOptions & { dispatcher: Dispatcher; signal: AbortSignal },
  { title, guard }: { title: string; guard: SubmitGuard | undefined },
): Promise<Dispatcher.ResponseData> {
  const { signal } = options;
  const departure = { hasLeft: false };
  const onStart = () => {
    signal.throwIfAborted();
    if (guard?.mayLeave() === false) throw new Error('the right to send it was lost on the way');
    departure.hasLeft = true;
  };
  const noticed = options.dispatcher.compose(
    (dispatch) => (about, handler) => dispatch(about, noticing(handler, onStart)),
  );
  // While it connects, undici lets nobody give up; nothing leaves afterwards either (see above).
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const onAbort = () => departure.hasLeft || reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([guard?.announce(), givenUp]);
    signal.throwIfAborted();
    const sending = request<null>(url, { ...options, dispatcher: noticed });
    sending.catch(() => undefined); // told to the race, or to nobody
    return await Promise.race([sending, givenUp]);
  } catch (error) {
    throw departure.hasLeft ? error : toNotSent(error, title);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** `onRequestStart` comes when a connection has taken the request and nothing of it is written; throwing ends it there. */
function noticing(handler: Dispatcher.DispatchHandler, onStart: () => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller, context) {
      onStart();
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
    onBodySent: (chunk) => handler.onBodySent?.(chunk),
    onRequestSent: () => handler.onRequestSent?.(),
  };
}

/** What a process gets that was not stopped: enough for what has come already to be read before a deadline is believed. */
const momentMs = 100;
/** A timer that fires so much too late fires in a process that stood still. */
const latenessMs = 50;
const catchUpMs = 1_500;

/**
 * Calls back after a while, though never before what came meanwhile has been read: a process that was stopped and wakes up past
 * that time finds its timers due and the answer of a paid call unread. Returns what calls it off.
 */
export function startDeadline(timeoutMs: number, onOver: () => void): () => void {
  const startedAt = performance.now();
  const onDue = () => {
    const isLate = performance.now() - startedAt > timeoutMs + latenessMs;
    timer = setTimeout(onOver, isLate ? catchUpMs : momentMs).unref();
  };
  let timer = setTimeout(onDue, timeoutMs).unref();
  return () => clearTimeout(timer);
}

/** The same as a signal. */
export function deadlineAfter(timeoutMs: number): AbortSignal {
  return deadlineOf(timeoutMs).signal;
}

export interface Deadline {
  signal: AbortSignal;
  /** Nothing is left of it in the process: calls end long before their deadline. */
  clear(): void;
}

/** The same, which ends with another signal too. */
export function deadlineOf(timeoutMs: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer?.reason);
  if (outer?.aborted === true) onAbort();
  else outer?.addEventListener('abort', onAbort, { once: true });
  const callOff = startDeadline(timeoutMs, () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  });
  return {
    signal: controller.signal,
    clear() {
      callOff();
      outer?.removeEventListener('abort', onAbort);
    },
  };
}

export interface WholeReply {
  status: number;
  headers: Record<string, string | undefined>;
  /** As it came, packed or not; undefined where it was larger than its status may be. */
  bytes: Buffer | undefined;
}

export interface WholeRequest {
  url: URL;
  options: Pick<Dispatcher.RequestOptions, 'headers' | 'body'> & { method: Dispatcher.HttpMethod };
  dispatcher: Dispatcher;
  /** Ends it, with its own reason. */
  signal: AbortSignal;
  timeoutMs: number;
  /** How large a body may be; more of it is not read. */
  boundOf(status: number): number;
}

/** Whether it was the time that ended a reply, for whoever has to say so. */
export interface Overdue {
  aborted: boolean;
}

/** Rejects with what the connection failed with, with the signal's reason, or with a `TimeoutError`. */
export function readWhole(request: WholeRequest, overdue: Overdue): Promise<WholeReply> {
  const { url, options, dispatcher, signal, timeoutMs } = request;
  if (signal.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<WholeReply>();
  const reader = new Reader(request.boundOf, {
    done(reply) {
      settle();
      resolve(reply);
    },
    failed(error) {
      settle();
      reject(error);
    },
  });
  const onAbort = () => reader.end(signal.reason);
  const callOff = startDeadline(timeoutMs, () => {
    overdue.aborted = true;
    reader.end(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  });
  const settle = () => {
    callOff();
    signal.removeEventListener('abort', onAbort);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    dispatcher.dispatch({ ...options, origin: url.origin, path: url.pathname + url.search }, reader);
  } catch (error) {
    reader.end(error);
  }
  return promise;
}

interface Ends {
  done(reply: WholeReply): void;
  failed(error: unknown): void;
}

class Reader implements Dispatcher.DispatchHandler {
  readonly #boundOf: (status: number) => number;
  readonly #ends: Ends;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Record<string, string | undefined> = {};
  #left = 0;
  #isOver = false;

  constructor(boundOf: (status: number) => number, ends: Ends) {
    this.#boundOf = boundOf;
    this.#ends = ends;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was given up while it connected.
    if (this.#isOver) controller.abort(new Error('nobody waits for it'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // What comes before the answer says nothing.
    if (status < 200) return;
    this.#status = status;
    this.#left = this.#boundOf(status);
    for (const name in headers) {
      const value = headers[name];
      this.#headers[name] = Array.isArray(value) ? value.join(', ') : value;
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#left -= chunk.byteLength;
    if (this.#left >= 0) this.#chunks.push(chunk);
    else this.#finish(undefined);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    this.#finish(first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.end(error);
  }

  /** Whoever asked is told at once; what is under way is cut. */
  end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ends.failed(error);
    this.#cut();
  }

  #finish(bytes: Buffer | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ends.done({ status: this.#status, headers: this.#headers, bytes });
    if (bytes === undefined) this.#cut();
  }

  #cut(): void {
    if (this.#controller?.aborted === false) this.#controller.abort(new Error('nobody waits for it'));
  }
}

const unpack = promisify(gunzip);

/** Without an encoding, or in any that can be read; what is larger than `maxBytes` once it is unpacked is refused. */
export async function unpacked(
  { headers, bytes }: WholeReply,
  { maxBytes, title }: { maxBytes: number; title: string },
): Promise<Buffer> {
  if (bytes === undefined) throw tooLarge(title, maxBytes);
  const encoding = headers['content-encoding'];
  if (isPlain(encoding)) return bytes;
  if (encoding !== 'gzip' || bytes[0] !== 0x1f)
    return readBytes(Readable.from([bytes]), { encoding, maxBytes, title });
  try {
    return await unpack(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const isLarge = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isLarge ? tooLarge(title, maxBytes) : error;
  }
}

function isPlain(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding === 'identity';
}

/** How a reply goes beyond what its caller allows; the connection is closed at that byte. */
function tooLarge(title: string, maxBytes: number): AppError {
  return new AppError(
    'upstream_malformed',
    `${title} answered with more than ${maxBytes} bytes; the rest was not read.`,
  );
}

function oddEncoding(title: string): AppError {
  return new AppError('upstream_malformed', `${title} answered in an encoding that cannot be read.`);
}

/** A body of a bounded size, unpacked. What is counted is what comes out, so that a small bomb is cut as well. */
export async function* bounded(
  body: Readable,
  { encoding, maxBytes, title }: { encoding: string | undefined; maxBytes: number; title: string },
): AsyncGenerator<Uint8Array> {
  const source = unpackedStream(body, encoding, title);
  let count = 0;
  try {
    for await (const chunk of source) {
      // as: no encoding is set on either stream, so that chunks are buffers.
      const bytes = chunk as Buffer;
      count += bytes.byteLength;
      if (count > maxBytes) throw tooLarge(title, maxBytes);
      yield bytes;
    }
  } finally {
    body.on('error', () => undefined).destroy();
    source.on('error', () => undefined).destroy();
  }
}

export async function readBytes(
  body: Readable,
  options: { encoding: string | undefined; maxBytes: number; title: string },
): Promise<Buffer<ArrayBuffer>> {
  if (isPlain(options.encoding)) return readPlain(body, options);
  const chunks: Uint8Array[] = [];
  for await (const chunk of bounded(body, options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What nearly every answer is, without the cost of an iterator over it. */
function readPlain(
  body: Readable,
  { maxBytes, title }: { maxBytes: number; title: string },
): Promise<Buffer<ArrayBuffer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>();
  const chunks: Buffer[] = [];
  let count = 0;
  body.on('data', (chunk: Buffer) => {
    count += chunk.byteLength;
    if (count <= maxBytes) chunks.push(chunk);
    else {
      reject(tooLarge(title, maxBytes));
      body.destroy();
    }
  });
  body.once('end', () => resolve(Buffer.concat(chunks)));
  body.on('error', reject);
  // After its end or its error it changes nothing.
  body.once('close', () => reject(new Error('the answer broke off')));
  return promise;
}

function unpackedStream(body: Readable, encoding: string | undefined, title: string): Readable {
  if (isPlain(encoding)) return body;
  const packed = codingsOf(encoding);
  if (packed !== undefined) return packed.length === 0 ? body : unpackedBy(body, packed);
  body.on('error', () => undefined).destroy();
  throw oddEncoding(title);
}
