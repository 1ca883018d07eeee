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
