import { randomBytes } from 'node:crypto';
import { AppError, InputRequired, Principal, shortWait, toAppError } from '@inferry/contracts';
import type { HandlerContext, LogEntry, Progress } from './bus.ts';
import { type CallEnvelope, callHeader, readEnvelope } from './call-envelope.ts';
import {
  aliveSubject,
  type BusTimings,
  callerOf,
  directSubject,
  type FrameKind,
  finishData,
  LateSignal,
  maxResultBytes,
  type OnInternalError,
  steadyNow,
  whoSubject,
} from './frames.ts';
import { CallMeter } from './measuring.ts';
import { type Speaker, type Statements, unsigned } from './statements.ts';
import { inSpan, markFailed } from './tracing.ts';
import type { IncomingMessage, Transport, TransportSubscription } from './transport.ts';

interface ActiveCall {
  reply: string;
  deadlineAt: number;
  abort: LateSignal;
  /** The handler is to answer with what there is. */
  finish: LateSignal;
  /** Its caller has been told that it is alive. */
  isTold: boolean;
}

/** A caller that did not receive its heartbeat. */
interface Miss {
  beat: number;
  inARow: number;
}

/** Who may ask beside a person whose client calls. */
export interface AcceptedSpeakers {
  services: boolean;
  /** A run whose owner is not there. */
  runs: boolean;
}

/** A handler as calls reach it, JSON in and JSON out; `toolId` is the tool that the call names. */
export type Answer = (
  data: string,
  handlerContext: HandlerContext,
  toolId: string | undefined,
) => Promise<string>;

interface Served {
  answer: Answer;
  accepts: AcceptedSpeakers;
}

export interface ResponderOptions {
  /** The service's: one segment of a subject. */
  name: string;
  statements: Statements | undefined;
  timings: BusTimings;
  /** Calls at once in this process; one more is answered `busy`. */
  maxCalls: number;
  onInternalError: OnInternalError;
}

const cancelPrefix = 'cancel.v1.';
/** Numbers in one heartbeat message, each of at most 16 bytes. */
const callsPerBeat = 4_000;
/** A caller whose connection blips is back before so many heartbeats in a row are missed. */
const missesUntilGone = 6;
/** An event loop that was held for longer may find calls that their callers have given to somebody else. */
const standstillMs = 400;
/** How long the word of the server is waited for after that. */
const fenceMs = 1_000;

/** The answering side: heartbeats, deadlines and cancellation for every call that this process handles. */
export class Responder {
  readonly #transport: Transport;
  readonly #options: ResponderOptions;
  readonly #active = new Map<string, ActiveCall>();
  readonly #serving: TransportSubscription[] = [];
  #listening: TransportSubscription[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #instance = randomBytes(9).toString('base64url');
  readonly #orphanPrefix: string;
  readonly #subjects: string[] = [];
  readonly #tickMs: number;
  readonly #misses = new Map<string, Miss>();
  readonly #meter = new CallMeter('process');
  #isDraining = false;
  #beats = 0;
  #beatAt = 0;
  #tickedAt = performance.now();
  /** Until everything is here that was sent during a standstill of this process. */
  #fence: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(transport: Transport, options: ResponderOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#orphanPrefix = `orphan.v1.${options.name}.${this.#instance}.`;
    this.#tickMs = Math.min(options.timings.sweepMs, options.timings.heartbeatMs);
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
    this.#timer.unref();
  }

  get activeCalls(): number {
    return this.#active.size;
  }

  /** To what is about calls: a service that serves nothing need not hear it, and may not. */
  #listen(): void {
    if (this.#listening.length > 0) return;
    this.#listening = [
      this.#transport.subscribe(`${cancelPrefix}>`, ({ subject, data }) => {
        const call = this.#active.get(subject.slice(cancelPrefix.length));
        if (call === undefined) return;
        if (data === finishData) call.finish.raise();
        else call.abort.raise();
      }),
      this.#transport.subscribe(`${this.#orphanPrefix}>`, (message) => {
        if (message.isNoResponders) this.#missCaller(message.subject.slice(this.#orphanPrefix.length));
      }),
    ];
  }

  serve(subject: string, queue: string, served: Served): void {
    const listener = (message: IncomingMessage) => {
      const { reply } = message;
      if (reply === undefined) return;
      if (this.#active.size >= this.#options.maxCalls) {
        return this.#sendError(
          reply,
          new AppError('busy', 'Too many calls at once.', { retryAfterSeconds: 1 }),
        );
      }
      this.#lookForStandstill();
      void inSpan(message, subject, () => this.#handle(message, reply, { ...served, subject }));
    };
    this.#listen();
    this.#subjects.push(subject);
    this.#serving.push(
      this.#transport.subscribe(subject, listener, queue),
      this.#transport.subscribe(directSubject(this.#instance, subject), listener),
      this.#transport.subscribe(whoSubject(subject), ({ reply }) => this.#sayWho(reply)),
    );
  }

  /** Takes no further calls, tells handlers to finish and waits for them; the rest goes back to its callers. */
  async drain(graceMs: number): Promise<void> {
    const endsAt = steadyNow() + graceMs;
    for (const subscription of this.#serving.splice(0)) subscription.unsubscribe();
    this.#isDraining = true;
    for (const call of this.#active.values()) call.finish.raise();
    // Calls that were on their way here when we unsubscribed arrive before the flush is answered.
    await settledWithin(this.#transport.flush(), Math.min(graceMs, 1_000));
    if (this.#active.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      await settledWithin(idle, endsAt - steadyNow());
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

  #sayWho(reply: string | undefined): void {
    if (reply === undefined || this.#isDraining) return;
    this.#send(reply, 'W', JSON.stringify({ instance: this.#instance, subjects: this.#subjects }));
  }

  /** Never rejects: what goes wrong is the caller's answer. */
  async #handle(
    message: IncomingMessage,
    reply: string,
    served: Served & { subject: string },
  ): Promise<void> {
    const { subject, accepts } = served;
    let envelope: CallEnvelope;
    let speaker: Speaker;
    try {
      envelope = readEnvelope(message.header(callHeader));
      speaker = this.#speakerOf(envelope, accepts);
    } catch (error) {
      this.#options.onInternalError(error, subject);
      return this.#sendError(reply, toAppError(error));
    }
    const call: ActiveCall = {
      reply,
      deadlineAt: steadyNow() + envelope.timeout_ms,
      abort: new LateSignal(),
      finish: new LateSignal(),
      isTold: false,
    };
    if (this.#isDraining) call.finish.raise();
    this.#active.set(reply, call);
    const started = performance.now();
    let failure: unknown;
    try {
      if (this.#fence !== undefined && !(await this.#isStillWanted(call))) return;
      const context = this.#toContext(envelope, speaker, call);
      const json = await served.answer(message.data, context, envelope.tool);
      failure = context.failure;
      if (this.#isAwaited(call)) this.#sendResult(reply, json);
    } catch (error) {
      failure = error;
      if (error instanceof InputRequired) return this.#sendNeeded(call, error);
      if (!(error instanceof AppError)) this.#options.onInternalError(error, subject);
      const known = toAppError(error);
      markFailed(known);
      if (this.#isAwaited(call)) this.#sendError(reply, known);
    } finally {
      this.#meter.ended(subject, started, failure);
      if (this.#active.get(reply) === call) this.#active.delete(reply);
      if (this.#active.size === 0) this.#whenIdle?.();
    }
  }

  /**
   * Calls that came while this process stood still may be in other hands by now. Their callers have said so on the way
   * that the calls came, so that whatever is still wanted after a round trip to the server is ours to answer.
   */
  async #isStillWanted(call: ActiveCall): Promise<boolean> {
    while (this.#fence !== undefined) await this.#fence;
    return this.#transport.isConnected && this.#isAwaited(call);
  }

  #lookForStandstill(): void {
    if (this.#fence !== undefined || performance.now() - this.#tickedAt < this.#tickMs + standstillMs) return;
    this.#fence = settledWithin(this.#transport.flush(), fenceMs).then(() => {
      this.#fence = undefined;
    });
  }

  /** Whom the call is made for: nothing in an envelope is believed that nobody has signed. */
  #speakerOf({ principal, statement }: CallEnvelope, accepts: AcceptedSpeakers): Speaker {
    const { statements } = this.#options;
    if (statements === undefined || (statement === undefined && statements.acceptsUnsigned)) {
      return { principal: Principal.parse(principal), isService: false, run: undefined };
    }
    if (statement === undefined) throw unsigned();
    const speaker = statements.read(statement);
    if ((speaker.isService && !accepts.services) || (speaker.run !== undefined && !accepts.runs))
      throw unsigned();
    return speaker;
  }

  #toContext(envelope: CallEnvelope, speaker: Speaker, call: ActiveCall): HandlerContext {
    return new CallContext(envelope, speaker, {
      call,
      log: (entry) => {
        if (this.#isAwaited(call)) this.#send(call.reply, 'L', JSON.stringify(entry));
      },
      progress: (step) => {
        if (this.#isAwaited(call)) this.#send(call.reply, 'P', JSON.stringify(step));
      },
    });
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
    if (this.#send(reply, 'R', json) || this.#sendInPieces(reply, json)) return;
    const error = new AppError('message_too_large', 'The result is too large to pass on.', {
      nextAction: 'Ask for less at once: a smaller limit, max_chars or max_px.',
    });
    this.#sendError(reply, error);
  }

  /** For a server whose messages are smaller than usual; the order of a subject's messages is kept. */
  #sendInPieces(reply: string, json: string): boolean {
    if (Buffer.byteLength(json) > maxResultBytes) return false;
    // A character of a string is at most three bytes of UTF-8.
    const length = Math.floor((this.#transport.maxPayloadBytes - 1) / 3);
    let start = 0;
    while (json.length - start > length) {
      const end = start + length - (isHighSurrogate(json, start + length - 1) ? 1 : 0);
      if (!this.#send(reply, 'C', json.slice(start, end))) return false;
      start = end;
    }
    return this.#send(reply, 'R', json.slice(start));
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
    this.#lookForStandstill();
    this.#tickedAt = performance.now();
    const now = steadyNow();
    const fresh: ActiveCall[] = [];
    for (const call of this.#active.values()) {
      if (now >= call.deadlineAt) call.abort.raise();
      if (!call.isTold) fresh.push(call);
    }
    if (!this.#transport.isConnected) return;
    if (now - this.#beatAt >= this.#options.timings.heartbeatMs) {
      this.#beatAt = now;
      this.#beat();
    } else if (fresh.length > 0) this.#sayAlive(fresh, {});
  }

  /** For all calls of one caller at once; the reply subject is how we learn that the caller is gone. */
  #beat(): void {
    this.#beats += 1;
    for (const [caller, miss] of this.#misses) {
      if (miss.beat < this.#beats - 1) this.#misses.delete(caller);
    }
    this.#sayAlive(this.#active.values(), { orphanPrefix: this.#orphanPrefix });
  }

  #sayAlive(calls: Iterable<ActiveCall>, { orphanPrefix }: { orphanPrefix?: string }): void {
    const numbersByCaller = new Map<string, string[]>();
    for (const call of calls) {
      // Its answer will not be sent: a caller that is back must notice the silence and ask again.
      if (call.abort.isRaised) continue;
      call.isTold = true;
      const caller = callerOf(call.reply);
      const numbers = numbersByCaller.get(caller);
      const number = call.reply.slice(caller.length + 1);
      if (numbers === undefined) numbersByCaller.set(caller, [number]);
      else numbers.push(number);
    }
    const most = Math.min(callsPerBeat, Math.floor(this.#transport.maxPayloadBytes / 16));
    for (const [caller, numbers] of numbersByCaller) {
      const reply = orphanPrefix === undefined ? {} : { reply: orphanPrefix + caller };
      for (let start = 0; start < numbers.length; start += most) {
        const data = `H${numbers.slice(start, start + most).join(',')}`;
        this.#transport.publish({ subject: aliveSubject(caller), data, ...reply });
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

/**
 * A handler's view of its call. What is computed stands on the prototype: an object with getters of its own has a shape of its own,
 * and everything that reads it is slow from then on.
 */
class CallContext implements HandlerContext {
  readonly principal: HandlerContext['principal'];
  readonly isService: boolean;
  readonly run: HandlerContext['run'];
  readonly callId: string;
  readonly mount: string | undefined;
  readonly wait: HandlerContext['wait'];
  readonly attachment: string | undefined;
  readonly client: HandlerContext['client'];
  readonly log: (entry: LogEntry) => void;
  readonly progress: (step: Progress) => void;
  isShort: HandlerContext['isShort'] = () => true;
  failure?: AppError;
  readonly #call: ActiveCall;

  constructor(
    { id, tool, wait, attachment, client }: CallEnvelope,
    { principal, isService, run }: Speaker,
    { call, log, progress }: Pick<CallContext, 'log' | 'progress'> & { call: ActiveCall },
  ) {
    this.principal = principal;
    this.isService = isService;
    this.run = run;
    this.callId = id;
    this.mount = tool?.slice(0, tool.indexOf('/'));
    this.wait = wait ?? shortWait;
    this.attachment = attachment;
    this.client = client;
    this.log = log;
    this.progress = progress;
    this.#call = call;
  }

  /** As whoever reads it compares it: with a clock that may have been set since the call came. */
  get deadlineAt(): number {
    return Date.now() + this.#call.deadlineAt - steadyNow();
  }

  get signal(): AbortSignal {
    return this.#call.abort.signal;
  }

  get draining(): AbortSignal {
    return this.#call.finish.signal;
  }
}

function isHighSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xd800 && code <= 0xdbff;
}

async function settledWithin(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, timeoutMs));
  // A flush that fails has no connection to wait for.
  await Promise.race([work.catch(() => undefined), promise]);
  clearTimeout(timer);
}
