// The pieces of a body with a file: taken one at a time from their sender, and their memory given back once they have passed.
import type { IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Pace } from '@inferry/runtime';
import type { BodyTimings } from '../edge.ts';

type Collect = (options: { type: 'minor' }) => void;

/** How much of a file passes between two collections. */
const everyBytes = 8 * 1024 * 1024;

let collect: Collect | undefined;

/**
 * Frees the pieces of a body that have been passed on. Each is a buffer outside of the heap, of which the engine lets
 * 64 MiB pile up before it looks for garbage; a minor collection of a heap that holds little takes a millisecond.
 */
export function createCollector(): (sizeBytes: number) => void {
  let passedBytes = 0;
  return (sizeBytes) => {
    passedBytes += sizeBytes;
    if (passedBytes < everyBytes) return;
    passedBytes = 0;
    collect ??= loadCollect();
    collect({ type: 'minor' });
  };
}

function loadCollect(): Collect {
  setFlagsFromString('--expose-gc');
  // as: what V8 puts into a new context under that flag.
  return runInNewContext('gc') as Collect;
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
