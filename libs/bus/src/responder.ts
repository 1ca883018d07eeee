import { randomBytes } from 'node:crypto';
import { AppError, InputRequired, shortWait, toAppError } from '@inferry/contracts';
import type { Answer } from './answers.ts';
import type { HandlerContext, LogEntry, Progress } from './bus.ts';
import { type CallEnvelope, callHeader, readEnvelope } from './call-envelope.ts';
import {
  aliveSubject,
  type BusTimings,
  callerOf,
  type FrameKind,
  finishData,
  type OnInternalError,
} from './frames.ts';
import { LateSignal } from './late-signal.ts';
import { inSpan, markFailed } from './tracing.ts';
import type { IncomingMessage, Transport, TransportSubscription } from './transport.ts';

interface ActiveCall {
  reply: string;
  deadlineAt: number;
  abort: LateSignal;
  /** The handler is to answer with what there is. */
  finish: LateSignal;
}

/** A caller that did not receive its heartbeat. */
interface Miss {
  beat: number;
  inARow: number;
}

export interface ResponderOptions {
  timings: BusTimings;
  /** Calls at once in this process; one more is answered `busy`. */
  maxCalls: number;
  onInternalError: OnInternalError;
}

const cancelPrefix = 'cancel.v1.';
/** Numbers in one heartbeat message: far below what a message may hold. */
const callsPerBeat = 4_000;
/** A caller whose connection blips is back before so many heartbeats in a row are missed. */
const missesUntilGone = 2;

/** The answering side: heartbeats, deadlines and cancellation for every call that this process handles. */
export class Responder {
  readonly #transport: Transport;
  readonly #options: ResponderOptions;
  readonly #active = new Map<string, ActiveCall>();
  readonly #serving: TransportSubscription[] = [];
  readonly #listening: TransportSubscription[];
  readonly #timer: NodeJS.Timeout;
  readonly #orphanPrefix = `orphan.v1.${randomBytes(9).toString('base64url')}.`;
  readonly #misses = new Map<string, Miss>();
  #isDraining = false;
  #beats = 0;
  #beatAt = 0;
  #whenIdle: (() => void) | undefined;

  constructor(transport: Transport, options: ResponderOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#listening = [
      transport.subscribe(`${cancelPrefix}>`, ({ subject, data }) => {
        const call = this.#active.get(subject.slice(cancelPrefix.length));
        if (call === undefined) return;
        if (data === finishData) call.finish.raise();
        else call.abort.raise();
      }),
      transport.subscribe(`${this.#orphanPrefix}>`, (message) => {
        if (message.isNoResponders) this.#missCaller(message.subject.slice(this.#orphanPrefix.length));
      }),
    ];
    this.#timer = setInterval(
      () => this.#tick(),
      Math.min(options.timings.sweepMs, options.timings.heartbeatMs),
    );
    this.#timer.unref();
  }

  get activeCalls(): number {
    return this.#active.size;
  }

  serve(subject: string, queue: string, answer: Answer): void {
    const listener = (message: IncomingMessage) => {
      const { reply } = message;
      if (reply === undefined) return;
      if (this.#active.size >= this.#options.maxCalls) {
        return this.#sendError(
          reply,
          new AppError('busy', 'Too many calls at once.', { retryAfterSeconds: 1 }),
        );
      }
      void inSpan(message, () => this.#handle(message, reply, answer));
    };
    this.#serving.push(this.#transport.subscribe(subject, listener, queue));
  }

  /** Takes no further calls, tells handlers to finish and waits for them; the rest goes back to its callers. */
  async drain(graceMs: number): Promise<void> {
    const endsAt = Date.now() + graceMs;
    for (const subscription of this.#serving.splice(0)) subscription.unsubscribe();
    this.#isDraining = true;
    for (const call of this.#active.values()) call.finish.raise();
    // Calls that were on their way here when we unsubscribed arrive before the flush is answered.
    await settledWithin(this.#transport.flush(), Math.min(graceMs, 1_000));
    if (this.#active.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      await settledWithin(idle, endsAt - Date.now());
    }
    for (const call of this.#active.values()) {
      this.#active.delete(call.reply);
      this.#send(call.reply, 'G', '');
      call.abort.raise();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const subscription of [...this.#serving, ...this.#listening]) subscription.unsubscribe();
    for (const call of this.#active.values()) call.abort.raise();
    this.#active.clear();
  }

  /** Never rejects: what goes wrong is the caller's answer. */
  async #handle(message: IncomingMessage, reply: string, answer: Answer): Promise<void> {
    let envelope: CallEnvelope;
    try {
      envelope = readEnvelope(message.header(callHeader));
    } catch (error) {
      this.#options.onInternalError(error, message.subject);
      return this.#sendError(reply, toAppError(error));
    }
    const call: ActiveCall = {
      reply,
      deadlineAt: Date.now() + envelope.timeout_ms,
      abort: new LateSignal(),
      finish: new LateSignal(),
    };
    if (this.#isDraining) call.finish.raise();
    this.#active.set(reply, call);
    try {
      const json = await answer(message.data, this.#toContext(envelope, call));
      if (this.#isAwaited(call)) this.#sendResult(reply, json);
    } catch (error) {
      if (error instanceof InputRequired) return this.#sendNeeded(call, error);
      if (!(error instanceof AppError)) this.#options.onInternalError(error, message.subject);
      const known = toAppError(error);
      markFailed(known);
      if (this.#isAwaited(call)) this.#sendError(reply, known);
    } finally {
      if (this.#active.get(reply) === call) this.#active.delete(reply);
      if (this.#active.size === 0) this.#whenIdle?.();
    }
  }

  #toContext(envelope: CallEnvelope, call: ActiveCall): HandlerContext {
    const { client } = envelope;
    return {
      principal: envelope.principal,
      callId: envelope.id,
      deadlineAt: call.deadlineAt,
      wait: envelope.wait ?? shortWait,
      get signal() {
        return call.abort.signal;
      },
      get draining() {
        return call.finish.signal;
      },
      attachment: envelope.attachment,
      ...(client === undefined ? {} : { client }),
      log: (entry: LogEntry) => {
        if (this.#isAwaited(call)) this.#send(call.reply, 'L', JSON.stringify(entry));
      },
      progress: (step: Progress) => {
        if (this.#isAwaited(call)) this.#send(call.reply, 'P', JSON.stringify(step));
      },
    };
  }

  #isAwaited(call: ActiveCall): boolean {
    return !call.abort.isRaised && this.#active.get(call.reply) === call;
  }

  /** False when it is too large. A transport that is down drops the frame: the caller notices the silence. */
  #send(reply: string, kind: FrameKind, json: string): boolean {
    if (!this.#transport.isConnected) return true;
    try {
      this.#transport.publish({ subject: reply, data: kind + json });
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === 'message_too_large') return false;
      this.#options.onInternalError(error, reply);
      return true;
    }
  }

  #sendResult(reply: string, json: string): void {
    if (this.#send(reply, 'R', json)) return;
    const error = new AppError('message_too_large', 'The result is too large to pass on.', {
      nextAction: 'Ask for less at once: a smaller limit, max_chars or max_px.',
    });
    this.#sendError(reply, error);
  }

  #sendNeeded(call: ActiveCall, { needed }: InputRequired): void {
    if (this.#isAwaited(call)) this.#send(call.reply, 'I', JSON.stringify(needed));
  }

  #sendError(reply: string, error: AppError): void {
    if (this.#send(reply, 'E', JSON.stringify(error.toEnvelope()))) return;
    const short = new AppError(error.code, error.message.slice(0, 1_000));
    this.#send(reply, 'E', JSON.stringify(short.toEnvelope()));
  }

  #tick(): void {
    const now = Date.now();
    for (const call of this.#active.values()) {
      if (now >= call.deadlineAt) call.abort.raise();
    }
    if (now - this.#beatAt < this.#options.timings.heartbeatMs) return;
    this.#beatAt = now;
    this.#beat();
  }

  /** One message for all calls of one caller; the reply subject is how we learn that the caller is gone. */
  #beat(): void {
    if (!this.#transport.isConnected) return;
    this.#beats += 1;
    for (const [caller, miss] of this.#misses) {
      if (miss.beat < this.#beats - 1) this.#misses.delete(caller);
    }
    const numbersByCaller = new Map<string, string[]>();
    for (const { reply, abort } of this.#active.values()) {
      // Its answer will not be sent: a caller that is back must notice the silence and ask again.
      if (abort.isRaised) continue;
      const caller = callerOf(reply);
      const numbers = numbersByCaller.get(caller);
      const number = reply.slice(caller.length + 1);
      if (numbers === undefined) numbersByCaller.set(caller, [number]);
      else numbers.push(number);
    }
    for (const [caller, numbers] of numbersByCaller) {
      for (let start = 0; start < numbers.length; start += callsPerBeat) {
        const data = `H${numbers.slice(start, start + callsPerBeat).join(',')}`;
        this.#transport.publish({ subject: aliveSubject(caller), data, reply: this.#orphanPrefix + caller });
      }
    }
  }

  #missCaller(caller: string): void {
    const last = this.#misses.get(caller);
    if (last?.beat === this.#beats) return;
    const inARow = last?.beat === this.#beats - 1 ? last.inARow + 1 : 1;
    this.#misses.set(caller, { beat: this.#beats, inARow });
    if (inARow < missesUntilGone) return;
    for (const call of this.#active.values()) {
      if (callerOf(call.reply) === caller) call.abort.raise();
    }
  }
}

async function settledWithin(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, timeoutMs));
  // A flush that fails has no connection to wait for.
  await Promise.race([work.catch(() => undefined), promise]);
  clearTimeout(timer);
}
