import { randomBytes } from 'node:crypto';
import { AppError, type InputRequired } from '@inferry/contracts';
import type { CallOptions, Progress } from './bus.ts';
import { toEnvelopeText, toHeaders, traceHeaders } from './call-envelope.ts';
import {
  cancelled,
  retryAdvice,
  toError,
  toInputRequired,
  tooLate,
  toSendError,
  unavailable,
} from './call-errors.ts';
import { CallTable } from './call-table.ts';
import type { CallLife, Interruptible } from './frames.ts';
import {
  type BusTimings,
  cancelSubject,
  directSubject,
  finishData,
  type OnInternalError,
  steadyNow,
  whoSubject,
} from './frames.ts';
import { CallMeter } from './measuring.ts';
import { isPresence, type Route, Routes } from './routes.ts';
import type { Statements } from './statements.ts';
import type { IncomingMessage, Transport, TransportSubscription } from './transport.ts';

export interface SendOptions extends CallOptions {
  timeoutMs: number;
  /** The id of the tool that shows the reply. */
  tool?: string | undefined;
}

interface CallerOptions {
  /** The service's: one segment of a subject. */
  name: string;
  timings: BusTimings;
  onInternalError: OnInternalError;
  statements: Statements | undefined;
}

interface Pending {
  subject: string;
  payload: string;
  /** Everything beside the payload but the time that is left. */
  envelope: string;
  trace: Record<string, string> | undefined;
  /** Of this issue of it: the last part of its inbox. */
  number: number;
  /** Whom this issue of it was meant for; undefined where the queue group decided. */
  instance: string | undefined;
  deadlineAt: number;
  patienceMs: number;
  /** Until then it may wait without having been taken by anybody. */
  heldUntil: number;
  issuedAt: number;
  /** The last sign of life of anybody who had it, or its first issue. */
  heardAt: number;
  /** Whether somebody has called this issue of it alive. */
  isTaken: boolean;
  /** The server says that nobody serves it, soon after a time in which nobody could. */
  isUnserved: boolean;
  attempts: number;
  /** Of a result that comes in several messages. */
  pieces: string[] | undefined;
  lastProgress: { progress: number; data: Progress['data'] | undefined } | undefined;
  onProgress: ((progress: Progress) => void) | undefined;
  onLog: CallOptions['onLog'];
  life: CallLife | undefined;
  /** What `life` knows of this call. */
  interruptible: Interruptible | undefined;
  resolve(json: string): void;
  reject(error: AppError | InputRequired): void;
}

const maxAttempts = 3;
/** Calls that wait for a connection; one more fails at once. */
const maxHeld = 5_000;
/** How often is asked who is there while a call has nobody. */
const askAgainMs = 250;
/** Before the number of a route, in the inbox that answers to its question come to. */
const whoPrefix = 'who-';

/**
 * The asking side: one wildcard inbox and one map for all calls (a fifth of what a request per subscription costs),
 * one timer for all deadlines. A call whose responder fell silent is re-issued with the same call id to an instance that
 * has just said that it is there: reads are safe to repeat and writes are idempotent by that id.
 */
export class Caller {
  readonly #transport: Transport;
  readonly #timings: BusTimings;
  readonly #onInternalError: OnInternalError;
  readonly #statements: Statements | undefined;
  readonly #name: string;
  readonly #prefix: string;
  readonly #pending = new CallTable<Pending>();
  /** Made while there is no connection, and never sent: they leave when it is back, as long as they have patience. */
  readonly #held = new Set<Pending>();
  #linkedAt = Number.NEGATIVE_INFINITY;
  /** Subjects that somebody has answered: one of these is without a service for a moment at most. */
  readonly #served = new Set<string>();
  readonly #subscription: TransportSubscription;
  readonly #sweeper: NodeJS.Timeout;
  readonly #routes = new Routes();
  readonly #meter = new CallMeter('client');
  #sent = 0;
  #sweptAt = performance.now();
  #isClosed = false;

  constructor(transport: Transport, { name, timings, onInternalError, statements }: CallerOptions) {
    this.#transport = transport;
    this.#timings = timings;
    this.#onInternalError = onInternalError;
    this.#statements = statements;
    // Below the service's own name, so that the bus can keep one service from another's answers.
    this.#name = `${name}.${randomBytes(12).toString('base64url')}`;
    this.#prefix = `inbox.${this.#name}.`;
    this.#subscription = transport.subscribe(`${this.#prefix}*`, (message) => this.#hear(message));
    this.#sweeper = setInterval(() => this.#sweep(), timings.sweepMs);
    this.#sweeper.unref();
    transport.onStatus((isConnected) => {
      // Whoever could hear nobody has no right to call others silent.
      if (isConnected) this.#goOn();
    });
  }

  get pendingCalls(): number {
    return this.#pending.size + this.#held.size;
  }

  #goOn(): void {
    this.#linkedAt = steadyNow();
    for (const call of this.#pending.values()) hearNow(call);
    const held = [...this.#held];
    this.#held.clear();
    for (const call of held) {
      hearNow(call);
      this.#issue(call, this.#linkedAt);
    }
  }

  /** Sends one call and resolves with the JSON text of its result. */
  send(subject: string, payload: string, options: SendOptions): Promise<string> {
    const { signal, life } = options;
    if (signal?.aborted || life?.isCancelled) return Promise.reject(cancelled());
    const isHeld = !this.#transport.isConnected;
    if (this.#isClosed || (isHeld && this.#held.size >= maxHeld)) return Promise.reject(unreachable());
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const now = steadyNow();
    const call: Pending = {
      subject,
      payload,
      envelope: toEnvelopeText(options, `${this.#name}.${++this.#sent}`, this.#statements),
      trace: traceHeaders(),
      number: -1,
      instance: undefined,
      deadlineAt: now + options.timeoutMs,
      patienceMs: Math.min(options.patienceMs ?? Number.POSITIVE_INFINITY, this.#timings.patienceMs),
      heldUntil: now + this.#timings.heldMs,
      issuedAt: 0,
      heardAt: now,
      isTaken: false,
      isUnserved: false,
      attempts: 0,
      pieces: undefined,
      lastProgress: undefined,
      onProgress: options.onProgress,
      onLog: options.onLog,
      life,
      interruptible: undefined,
      resolve,
      reject,
    };
    if (signal !== undefined) follow(signal, call, () => this.#giveUp(call, cancelled()));
    if (life !== undefined) {
      call.interruptible = {
        cancel: () => this.#giveUp(call, cancelled()),
        finish: () => this.#askToFinish(call),
      };
      life.attach(call.interruptible);
    }
    if (isHeld) this.#held.add(call);
    else this.#issue(call, now);
    if (this.#meter.isOn) this.#measure(subject, promise);
    return promise;
  }

  #measure(subject: string, answer: Promise<string>): void {
    const started = performance.now();
    answer.then(
      () => this.#meter.ended(subject, started),
      (error: unknown) => this.#meter.ended(subject, started, error instanceof AppError ? error : undefined),
    );
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#sweeper);
    for (const call of [...this.#pending.values(), ...this.#held]) {
      this.#giveUp(call, unavailable('This process is closing.', call));
    }
    this.#subscription.unsubscribe();
  }

  #issue(call: Pending, now: number): void {
    const number = this.#pending.add(call);
    if (number === undefined)
      return call.reject(new AppError('busy', 'Too many calls at once.', retryAdvice));
    const instance = this.#routes.next(call.subject, now);
    call.number = number;
    call.instance = instance;
    call.issuedAt = now;
    call.isTaken = false;
    call.isUnserved = false;
    call.attempts += 1;
    try {
      this.#transport.publish({
        subject: instance === undefined ? call.subject : directSubject(instance, call.subject),
        data: call.payload,
        reply: this.#prefix + number,
        headers: toHeaders(call.envelope, call.deadlineAt - now, call.trace),
      });
      // Whoever takes a call over is to be as quick as the one before.
      if (call.life?.isFinishing) this.#askToFinish(call);
    } catch (error) {
      this.#fail(call, toSendError(error, this.#transport.maxPayloadBytes));
    }
  }

  #hear(message: IncomingMessage): void {
    const { data } = message;
    if (data.startsWith('H')) return this.#hearAlive(data);
    const call = this.#pending.get(Number(message.subject.slice(this.#prefix.length)));
    if (call === undefined) return this.#hearWho(message);
    if (message.isNoResponders) return this.#hearNobody(call);
    if (data.startsWith('R')) return this.#succeed(call, data.slice(1));
    hearNow(call);
    call.isTaken = true;
    if (data.startsWith('G')) return this.#reissue(call, call.heardAt);
    if (data.startsWith('C')) return this.#hearPiece(call, data.slice(1));
    try {
      if (data.startsWith('P')) this.#reportProgress(call, JSON.parse(data.slice(1)));
      else if (data.startsWith('L')) call.onLog?.(JSON.parse(data.slice(1)));
      else if (data.startsWith('I')) this.#fail(call, toInputRequired(data.slice(1)));
      else if (data.startsWith('E')) this.#fail(call, toError(data.slice(1)));
    } catch (error) {
      // A listener of ours that throws, or a frame that is no JSON: neither may end the process or the call.
      this.#onInternalError(error, call.subject);
    }
  }

  #hearAlive(data: string): void {
    const now = steadyNow();
    for (const number of data.slice(1).split(',')) {
      const call = this.#pending.get(Number(number));
      if (call === undefined) continue;
      call.heardAt = now;
      call.isTaken = true;
    }
  }

  /** An instance that was there a moment ago is not; or nobody serves it at all, or not yet again. */
  #hearNobody(call: Pending): void {
    const now = steadyNow();
    const isAwaited = this.#served.has(call.subject) || now - this.#linkedAt < this.#timings.heldMs;
    if (call.instance === undefined && isAwaited && now < call.heldUntil) {
      // Whoever serves it starts again, or lost the connection as this process did and is back later.
      call.isUnserved = true;
      call.attempts -= 1;
      return;
    }
    if (call.instance === undefined || !this.#transport.isConnected)
      return this.#fail(call, unavailable('Nobody serves this call now.', call));
    this.#routes.suspect(call.subject, now).drop(call.instance);
    this.#pending.delete(call.number);
    // It was never taken, so that this is no further attempt.
    call.attempts -= 1;
    this.#issue(call, now);
  }

  #hearPiece(call: Pending, piece: string): void {
    call.pieces ??= [];
    call.pieces.push(piece);
  }

  #hearWho({ subject, data, isNoResponders }: IncomingMessage): void {
    const inbox = subject.slice(this.#prefix.length);
    if (!inbox.startsWith(whoPrefix)) return;
    const number = Number(inbox.slice(whoPrefix.length));
    if (isNoResponders) return this.#routes.desert(number);
    try {
      const presence: unknown = JSON.parse(data.slice(1));
      if (isPresence(presence)) this.#routes.hear(number, presence, steadyNow());
    } catch (error) {
      this.#onInternalError(error, subject);
    }
  }

  #askWho(route: Route, now: number): void {
    if (!this.#transport.isConnected) return;
    route.asked(now);
    this.#transport.publish({
      subject: whoSubject(route.subject),
      data: '',
      reply: `${this.#prefix}${whoPrefix}${route.number}`,
    });
  }

  #reportProgress(call: Pending, step: unknown): void {
    if (!isProgress(step)) throw new TypeError('malformed progress frame');
    const last = call.lastProgress;
    const data = step.data === undefined ? last?.data : { ...last?.data, ...step.data };
    // A re-issued call starts over: progress shown to a client must still only grow.
    const isNews = last === undefined || step.progress > last.progress;
    call.lastProgress = { progress: isNews ? step.progress : last.progress, data };
    if (!isNews) return;
    call.onProgress?.(step);
  }

  #sweep(): void {
    const now = steadyNow();
    const deafMs = this.#deafMs();
    for (const call of this.#pending.values()) {
      call.heardAt += deafMs;
      call.issuedAt += deafMs;
      const isSilent = now - lastSign(call) > this.#silenceMs(call);
      if (now >= call.deadlineAt) this.#endLate(call, isSilent);
      else if (isSilent) this.#meetSilence(call, now);
    }
    for (const call of this.#held) {
      const isHopeless = now - call.heardAt > call.patienceMs || now >= call.heldUntil;
      if (now >= call.deadlineAt || isHopeless) this.#fail(call, unreachable());
    }
    for (const route of this.#routes.values()) if (route.isAskDue(now)) this.#askWho(route, now);
  }

  #silenceMs({ isTaken, isUnserved }: Pending): number {
    if (isUnserved) return askAgainMs;
    return isTaken ? this.#timings.lostAfterMs : this.#timings.takenMs;
  }

  /** Nobody has it, or whoever has it is dead or frozen: whoever says that they are there gets it. */
  #meetSilence(call: Pending, now: number): void {
    const isHopeless = now - call.heardAt > call.patienceMs || (call.isUnserved && now >= call.heldUntil);
    if (!this.#transport.isConnected) return isHopeless ? this.#abandon(call) : undefined;
    const route = this.#routes.suspect(call.subject, now);
    if (call.instance !== undefined) route.drop(call.instance);
    call.instance = undefined;
    if (route.has(call.subject, now)) return this.#reissue(call, now);
    // Nobody hears the question: whoever is there is of an older release, or nobody is, and the server will say so.
    if (route.isDeserted && call.attempts === 1) return this.#reissue(call, now);
    if (isHopeless) return this.#abandon(call);
    if (route.isAskDue(now, askAgainMs)) this.#askWho(route, now);
  }

  /** How long this process could hear nobody since the last sweep: silence of its own making is no sign of death. */
  #deafMs(): number {
    const sweptAt = this.#sweptAt;
    this.#sweptAt = performance.now();
    const lateMs = this.#sweptAt - sweptAt - this.#timings.sweepMs;
    return lateMs > this.#timings.sweepMs ? lateMs : 0;
  }

  #reissue(call: Pending, now: number): void {
    if (call.attempts >= maxAttempts || !this.#transport.isConnected) return this.#abandon(call);
    this.#pending.delete(call.number);
    // Whoever was silent may be alive behind a broken link: two must not work on one call for long.
    this.#cancel(call);
    call.pieces = undefined;
    this.#issue(call, now);
  }

  #endLate(call: Pending, isSilent: boolean): void {
    if (isSilent) this.#abandon(call);
    else this.#giveUp(call, tooLate(call));
  }

  #abandon(call: Pending): void {
    const text = call.isUnserved ? 'Nobody serves this call now.' : 'Whoever served this call is gone.';
    this.#giveUp(call, unavailable(text, call));
  }

  #giveUp(call: Pending, error: AppError): void {
    this.#fail(call, error);
    this.#cancel(call);
  }

  #cancel(call: Pending): void {
    if (call.number >= 0 && this.#transport.isConnected) {
      this.#transport.publish({ subject: cancelSubject(this.#prefix + call.number), data: '' });
    }
  }

  #askToFinish(call: Pending): void {
    if (call.number >= 0 && this.#transport.isConnected) {
      this.#transport.publish({ subject: cancelSubject(this.#prefix + call.number), data: finishData });
    }
  }

  #succeed(call: Pending, json: string): void {
    this.#forget(call);
    this.#served.add(call.subject);
    call.resolve(call.pieces === undefined ? json : call.pieces.join('') + json);
  }

  #fail(call: Pending, error: AppError | InputRequired): void {
    this.#forget(call);
    call.reject(error);
  }

  #forget(call: Pending): void {
    this.#held.delete(call);
    this.#pending.delete(call.number);
    if (call.interruptible !== undefined) call.life?.detach(call.interruptible);
  }
}

function unreachable(): AppError {
  return new AppError('unavailable', 'The message bus cannot be reached.', retryAdvice);
}

/** Until the call has ended either way. */
function follow(signal: AbortSignal, call: Pending, onAbort: () => void): void {
  signal.addEventListener('abort', onAbort, { once: true });
  const { resolve, reject } = call;
  call.resolve = (json) => {
    signal.removeEventListener('abort', onAbort);
    resolve(json);
  };
  call.reject = (error) => {
    signal.removeEventListener('abort', onAbort);
    reject(error);
  };
}

function hearNow(call: Pending): void {
  call.heardAt = steadyNow();
}

function lastSign({ heardAt, issuedAt }: Pending): number {
  return Math.max(heardAt, issuedAt);
}

function isProgress(value: unknown): value is Progress {
  return (
    typeof value === 'object' && value !== null && 'progress' in value && typeof value.progress === 'number'
  );
}
