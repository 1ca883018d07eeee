import type { IncomingMessage } from 'node:http';
import { Pace, type PaceOptions, slowestPace } from '@inferry/runtime';

/** How long the parts of a request's body may take. */
export interface BodyTimings {
  /** A body that is held in memory. */
  wholeMs: number;
  /** The longest silence inside a file. */
  silenceMs: number;
  /** The slowest that a file may come. */
  pace: PaceOptions;
  /** A body with a file. */
  fileMs: number;
  /** How long a refused sender may go on before its connection is cut, so that it can read why. */
  lingerMs: number;
}

export const defaultBodyTimings: BodyTimings = {
  wholeMs: 30_000,
  silenceMs: 30_000,
  pace: slowestPace,
  fileMs: 900_000,
  lingerMs: 2_000,
};

export type BodyOutcome =
  | { kind: 'whole'; bytes: Buffer }
  /** More than may be held; the request is paused and `read` is what has come of it. */
  | { kind: 'large'; read: Buffer[] }
  | { kind: 'late' }
  /** The sender is gone: there is nobody to answer. */
  | { kind: 'gone' };

/** Reads a body of at most `maxBytes`. Every request passes here, so it makes no promise and no stream. */
export function readBody(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
  done: (outcome: BodyOutcome) => void,
): void {
  const announced = request.headers['content-length'];
  // What announces that it is large is looked at from its first bytes on.
  if (announced !== undefined && Number(announced) > maxBytes) return done({ kind: 'large', read: [] });
  // All of it came while the sender's credential was looked at, which is so for almost every call.
  if (isThere(request, maxBytes)) return done(takeThere(request));
  // What came with the head is handed over by the parser before the next tick.
  process.nextTick(() => {
    if (isThere(request, maxBytes)) done(takeThere(request));
    else follow(request, { maxBytes, timeoutMs }, done);
  });
}

function isThere(request: IncomingMessage, maxBytes: number): boolean {
  const { complete, readableLength: length, headers } = request;
  return length <= maxBytes && (complete || (length > 0 && length === Number(headers['content-length'])));
}

function takeThere(request: IncomingMessage): BodyOutcome {
  const bytes: Buffer | null = request.read();
  // To its end, after which nothing holds it.
  if (!request.complete) request.resume();
  return { kind: 'whole', bytes: bytes ?? Buffer.alloc(0) };
}

/** Takes a body that is still coming. */
function follow(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
  done: (outcome: BodyOutcome) => void,
): void {
  if (request.destroyed) return done({ kind: 'gone' });
  const read: Buffer[] = [];
  let sizeBytes = 0;
  const timer = setTimeout(() => {
    request.pause();
    settle({ kind: 'late' });
  }, timeoutMs);

  function settle(outcome: BodyOutcome): void {
    clearTimeout(timer);
    request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
    done(outcome);
  }
  function onData(chunk: Buffer): void {
    read.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes <= maxBytes) return;
    request.pause();
    settle({ kind: 'large', read });
  }
  function onEnd(): void {
    const [first = Buffer.alloc(0)] = read;
    settle({ kind: 'whole', bytes: read.length === 1 ? first : Buffer.concat(read) });
  }
  function onGone(): void {
    settle({ kind: 'gone' });
  }
  request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
}

/** Pieces of a body, one at a time: undefined at its end. Rejects when the sender is silent, late or gone. */
export interface Pieces {
  next(): Promise<Buffer | undefined>;
  /** It is known to be a file, which has more time than a call. */
  takeTime(): void;
}

/** The sender let us wait for too long. */
export class LateBody extends Error {}
/** The sender is gone. */
export class GoneBody extends Error {}

/** The rest of a paused request, piece by piece; it stays open, since its refusal travels on the same connection. */
export function piecesOf(request: IncomingMessage, timings: BodyTimings): Pieces {
  const begunAt = performance.now();
  const pace = new Pace(timings.pace);
  let endsAt = begunAt + timings.wholeMs;
  return {
    async next() {
      if (request.readableEnded) return undefined;
      if (request.destroyed) throw new GoneBody('The sender is gone.');
      const askedAt = performance.now();
      const piece = await nextPiece(request, Math.max(0, Math.min(timings.silenceMs, endsAt - askedAt)));
      if (pace.add(performance.now() - askedAt, piece?.byteLength ?? 0)) return piece;
      throw new LateBody('The sender is too slow.');
    },
    takeTime() {
      endsAt = begunAt + timings.fileMs;
    },
  };
}

function nextPiece(request: IncomingMessage, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      release();
      reject(new LateBody('The sender is too slow.'));
    }, timeoutMs);
    function release(): void {
      clearTimeout(timer);
      request.pause();
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
    }
    function onData(piece: Buffer): void {
      release();
      resolve(piece);
    }
    function onEnd(): void {
      release();
      resolve(undefined);
    }
    function onGone(): void {
      release();
      reject(new GoneBody('The sender is gone.'));
    }
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
    request.resume();
  });
}
