/** Answers over HTTP: one JSON object or a stream of events, those that take long among them, and members of a batch. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { CallLife, LateSignal } from '@inferry/bus';
import type { Principal } from '@inferry/contracts';
import { type Channel, type Member, type Offer, Roster, type StopReason } from '@inferry/mcp';
import type { Telemetry } from '../telemetry.ts';

const keepAlive = ': keep-alive\n\n';

const streamHead = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** When the client comes back for the rest of a stream that was ended here. */
const retryMs = 1_000;

/** An event without content, which clients only take the id of (MCP 2025-11-25, transports). */
const primer = (eventId: string) => `id: ${eventId}\ndata: \n\n`;

/** The answer to one POST: nothing is sent until it is known whether it is one JSON object or a stream. */
export class HttpChannel implements Channel, LongAnswer {
  readonly canStream: boolean;
  /** Among the open streams. */
  place = -1;
  readonly #response: ServerResponse;
  readonly #headers: Answerable['headers'];
  readonly #streams: OpenStreams;
  #life: CallLife | undefined;
  #stopReason: StopReason | undefined;
  #abort: LateSignal | undefined;
  #speak: (() => void) | undefined;
  #primeId: string | undefined;
  #isResumable = false;
  #isStreaming = false;
  #soon: NodeJS.Timeout | undefined;
  #openAt = Number.POSITIVE_INFINITY;
  #endAt = Number.POSITIVE_INFINITY;
  #frames = '';
  #lastWriteAt = 0;
  #sentBytes = 0;
  #stalledSince: number | undefined;

  constructor({ response, headers }: Answerable, streams: OpenStreams, canStream: boolean) {
    this.#response = response;
    this.#headers = headers;
    this.#streams = streams;
    this.canStream = canStream;
    response.once('close', () => {
      streams.delete(this);
      clearTimeout(this.#soon);
      if (!response.writableFinished) this.stop('gone');
    });
  }

  get stopReason(): StopReason | undefined {
    return this.#stopReason;
  }

  /** These two are made for calls that pass them on; most requests are answered here. */
  get life(): CallLife {
    this.#life ??= new CallLife();
    return this.#life;
  }

  get signal(): AbortSignal {
    return this.#raisable().signal;
  }

  #raisable(): LateSignal {
    this.#abort ??= new LateSignal();
    return this.#abort;
  }

  get isStreaming(): boolean {
    return this.#isStreaming;
  }

  /** Asks for the answer with what there is. */
  hurry(): void {
    this.life.finish();
  }

  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.life.cancel();
    this.#raisable().raise(reason);
  }

  open(): void {
    if (this.#isStreaming || this.#response.destroyed) return;
    this.#isStreaming = true;
    this.#lastWriteAt = this.#streams.now();
    this.#endAt = Math.min(this.#endAt, this.#lastWriteAt + this.#streams.timings.maxAgeMs);
    this.#flushSoon();
    this.#streams.add(this);
    if (this.#primeId !== undefined) this.#writeNamed(primer(this.#primeId));
  }

  prime(eventId: string): void {
    this.#primeId = eventId;
    if (this.#isStreaming) this.#writeNamed(primer(eventId));
  }

  expectWait(): void {
    const { lazyOpenMs, maxAgeMs } = this.#streams.timings;
    const now = this.#streams.now();
    this.#openAt = now + Math.min(lazyOpenMs, maxAgeMs / 2);
    this.#endAt = now + maxAgeMs;
    this.#streams.add(this);
  }

  notify(text: string, eventId?: string): boolean {
    if (!this.#isStreaming) return false;
    if (eventId === undefined) return this.#write(`event: message\ndata: ${text}\n\n`);
    return this.#writeNamed(`event: message\nid: ${eventId}\ndata: ${text}\n\n`);
  }

  onIdle(speak: () => void): void {
    this.#speak = speak;
  }

  /** Sends the last frame of the stream, or the whole answer with `status`. */
  finish(text: string, status = 200, headers?: Readonly<Record<string, string>>): void {
    const response = this.#response;
    const frames = this.#takeFrames();
    if (response.destroyed) return;
    if (this.#isStreaming) {
      const rest = `${frames}event: message\ndata: ${text}\n\n`;
      const bytes = Buffer.byteLength(rest);
      // All of it came at once: it has a length then, and leaves in one write.
      if (!response.headersSent) this.#writeHead({ 'content-length': bytes });
      response.end(rest, encodingOf(rest, bytes));
    } else {
      this.#openAt = Number.POSITIVE_INFINITY;
      writeJson(response, text, {
        status,
        headers: { ...this.#headers, ...this.#streams.headers, ...headers },
      });
    }
    // Most answers have left by now; one that has not is watched, since its reader may never read.
    if (response.writableLength > 0) this.#streams.add(this);
    else this.#streams.delete(this);
  }

  /** Ends without a response: the client said that it does not want one. */
  finishEmpty(): void {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    if (!this.#isStreaming) return writeAccepted({ response, headers: this.#headers });
    this.#flush();
    response.end();
  }

  /** Called every second: opens what waits long, keeps it alive, ends what is old, and cuts who does not read. */
  tick(now: number): void {
    if (this.#isStalled(now)) return this.#streams.cut(() => this.#response.destroy());
    if (this.#response.writableEnded) return;
    if (now >= this.#openAt) this.open();
    if (!this.#isStreaming) return;
    if (this.#isResumable && now >= this.#endAt) return this.#hangUp();
    if (now - this.#lastWriteAt < this.#streams.timings.idleMs) return;
    if (this.#speak === undefined) this.#write(keepAlive);
    else this.#speak();
  }

  /** Ends the connection and not the call: the client is told when to fetch the rest (SEP-1699). */
  #hangUp(): void {
    this.#write(`retry: ${retryMs}\n\n`);
    this.#flush();
    this.#response.end();
    this.stop('gone');
  }

  /** Writes a frame with an id: a client that was sent one can fetch the rest of the stream. */
  #writeNamed(frame: string): boolean {
    const isSent = this.#write(frame);
    if (isSent) this.#isResumable = true;
    return isSent;
  }

  /** A notification that would only queue is dropped: the next one says more. */
  #write(frame: string): boolean {
    const { destroyed, writableEnded, writableNeedDrain } = this.#response;
    if (destroyed || writableEnded || writableNeedDrain) return false;
    const silentMs = this.#streams.now() - this.#lastWriteAt;
    this.#lastWriteAt += silentMs;
    this.#frames += frame;
    if (silentMs >= this.#streams.timings.quietMs && this.#soon === undefined) this.#flush();
    else this.#flushSoon();
    return true;
  }

  #flushSoon(): void {
    this.#soon ??= setTimeout(() => this.#flush(), this.#streams.timings.gatherMs);
  }

  #flush(): void {
    const response = this.#response;
    const frames = this.#takeFrames();
    if (response.destroyed || response.writableEnded) return;
    if (!response.headersSent) this.#writeHead();
    if (frames === '') response.flushHeaders();
    else response.write(frames);
  }

  #takeFrames(): string {
    const frames = this.#frames;
    this.#frames = '';
    clearTimeout(this.#soon);
    this.#soon = undefined;
    return frames;
  }

  #writeHead(length?: { 'content-length': number }): void {
    this.#response.writeHead(200, { ...streamHead, ...length, ...this.#headers });
  }

  #isStalled(now: number): boolean {
    const { socket, writableLength } = this.#response;
    const sent = (socket?.bytesWritten ?? 0) - writableLength;
    if (writableLength === 0 || sent !== this.#sentBytes) {
      this.#sentBytes = sent;
      this.#stalledSince = undefined;
      return false;
    }
    this.#stalledSince ??= now;
    return now - this.#stalledSince >= this.#streams.timings.stallMs;
  }
}

export interface StreamTimings {
  /**
   * What is sent within this time leaves as one piece, and with the answer when that comes meanwhile: a burst of progress
   * costs one write instead of a write for each, and nobody sees the difference. The answer itself waits for nothing.
   */
  gatherMs: number;
  /** What comes after so long a silence is no burst yet and leaves at once, with no timer: so are most messages of a wait. */
  quietMs: number;
  /** A stream that was silent for so long says something; proxies and clients give up from 15 s on. */
  idleMs: number;
  /** A long call whose client follows no progress becomes a stream after this. */
  lazyOpenMs: number;
  /** A client that reads nothing of what waits for it is cut after this. */
  stallMs: number;
  /** A stream whose rest can be fetched by another connection ends after this, before somebody on the way cuts it. */
  maxAgeMs: number;
  tickMs: number;
}

export const defaultTimings: StreamTimings = {
  gatherMs: 5,
  quietMs: 250,
  idleMs: 10_000,
  lazyOpenMs: 8_000,
  stallMs: 30_000,
  maxAgeMs: Number.POSITIVE_INFINITY,
  tickMs: 1_000,
};

/** An answer that takes long. */
export interface LongAnswer extends Member {
  tick(now: number): void;
}

/** A tick looks at a part of the answers, so that thousands of keep-alives never hold up what came in meanwhile. */
const partsOfTick = 10;

/** The answers of this process that take long, with one timer for all. */
export class OpenStreams {
  readonly timings: StreamTimings;
  readonly #answers = new Roster<LongAnswer>();
  /** Where the next look begins. */
  #next = -1;
  readonly #telemetry: Telemetry;
  readonly #timer: NodeJS.Timeout;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(telemetry: Telemetry, timings: StreamTimings = defaultTimings) {
    this.#telemetry = telemetry;
    this.timings = timings;
    this.#timer = setInterval(() => this.#look(), Math.max(1, timings.tickMs / partsOfTick));
    this.#timer.unref();
  }

  /** Sent with every answer; during a drain it asks clients to connect to somebody else. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.#headers;
  }

  now(): number {
    return performance.now();
  }

  add(answer: LongAnswer): void {
    if (answer.place >= 0) return;
    this.#answers.add(answer);
    this.#telemetry.waitOpened();
  }

  delete(answer: LongAnswer): void {
    if (this.#answers.delete(answer)) this.#telemetry.waitClosed();
  }

  cut(destroy: () => void): void {
    this.#telemetry.slowReaderCut();
    destroy();
  }

  refuseNewConnections(): void {
    this.#headers = { connection: 'close' };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Goes on where the last look ended, from the newest answer to the oldest. */
  #look(): void {
    const now = this.now();
    const last = this.#answers.size - 1;
    this.#next = this.#next < 0 ? last : Math.min(this.#next, last);
    for (let left = Math.ceil(this.#answers.size / partsOfTick); left > 0 && this.#next >= 0; left -= 1) {
      this.#answers.at(this.#next)?.tick(now);
      this.#next -= 1;
    }
  }
}

/** One request of a batch: it shares the answer with the others, so it has no stream of its own. */
export class BatchMember implements Channel {
  readonly canStream = false;
  readonly life = new CallLife();
  readonly #abort = new AbortController();
  #stopReason: StopReason | undefined;

  constructor(whole: Channel) {
    whole.life.attach({
      cancel: () => this.stop(whole.stopReason ?? 'gone'),
      finish: () => this.life.finish(),
    });
    if (whole.stopReason !== undefined) this.stop(whole.stopReason);
    if (whole.life.isFinishing) this.life.finish();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get stopReason(): StopReason | undefined {
    return this.#stopReason;
  }

  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.life.cancel();
    this.#abort.abort(reason);
  }

  open(): void {}

  expectWait(): void {}

  notify(): boolean {
    return false;
  }

  prime(): void {}
  onIdle(): void {}
}

// What an HTTP answer goes into, and how it is written.

/** One JSON answer. The text is not made a buffer first, so that Node sends it with the head in one write. */
export function writeJson(
  response: ServerResponse,
  text: string,
  { status, headers }: { status: number; headers?: OutgoingHttpHeaders | undefined },
): void {
  const bytes = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes, ...headers });
  response.end(text, encodingOf(text, bytes));
}

/** What has a byte for each character is copied as it is. */
function encodingOf(text: string, bytes: number): 'latin1' | 'utf8' {
  return bytes === text.length ? 'latin1' : 'utf8';
}

/** The answer to what gets no response: it was taken. */
export function writeAccepted({ response, headers }: Answerable): void {
  response.writeHead(202, { 'content-length': 0, ...headers }).end();
}

/** Whether so much of a body is still to come that the connection is better given up. */
export function isUnread(request: IncomingMessage, maxBytes: number): boolean {
  if (request.complete) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return length === undefined ? encoding !== undefined : Number(length) > maxBytes;
}

/**
 * One JSON answer to a request whose body goes on. A sender that meets a closed connection never reads why, so it
 * gets the answer and may go on for a moment; then the connection ends.
 */
export function endBeforeBody(
  response: ServerResponse,
  text: string,
  answer: { status: number; headers?: OutgoingHttpHeaders | undefined; lingerMs: number },
): void {
  const { req: request } = response;
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...answer.headers,
    connection: 'close',
  });
  response.write(text);
  const timer = setTimeout(finish, answer.lingerMs);
  function finish(): void {
    clearTimeout(timer);
    request.off('end', finish).off('close', finish);
    response.end();
  }
  request.on('end', finish).on('close', finish);
  request.resume();
}

/** What an answer goes into. */
export interface Answerable {
  response: ServerResponse;
  /** Sent with whatever the answer is: not set on the response, which would put its head together in two steps. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** One request that was let in. */
export interface Admitted extends Answerable {
  request: IncomingMessage;
  principal: Principal;
  /** How long it took to know whom it is for and to count it; its body has its own time. */
  heldMs?: number | undefined;
}

/** The same with the mount that it came to, which may be gone before it is answered. */
export interface Post extends Admitted {
  offer: Offer;
}
