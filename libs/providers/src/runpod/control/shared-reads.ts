/** Reads of a control plane that are asked for at one moment with one key: one request answers all of them. */
import { type Secret, unlessAborted } from '@inferry/contracts';

/** How long a read waits for the one before it, so that others may share it: little beside what a platform takes. */
const gatherMs = 5;

interface SharedRead {
  answer: Promise<unknown>;
  /** Ends the request when nobody waits for it any more. */
  abort: AbortController;
  waiting: number;
  /** It has its answer: there is nothing to end any more. */
  isOver: boolean;
}

/** What is asked for by one name. */
interface Line {
  /** Has not left yet: whoever asks now shares it. */
  gathering: SharedRead | undefined;
  underWay: number;
  /** Lets the one that gathers go. */
  leave: (() => void) | undefined;
}

/**
 * The same read, asked for several times before it has left, leaves once: at once where none is under way, else when that has
 * come back, and no later than 5 ms after it was asked for. It leaves after the last of those who share it have asked, so
 * that nobody is told of a state before their question: whoever has just changed something sees it, whatever others ask
 * meanwhile. Keys are told apart by the very object that a holder was given, which no two accounts share.
 */
export class SharedReads {
  readonly #lines = new WeakMap<Secret, Map<string, Line>>();

  async read<T>(
    { holder, name, signal }: { holder: Secret | undefined; name: string; signal: AbortSignal },
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (holder === undefined) return send(signal);
    const lines = this.#lines.get(holder) ?? new Map<string, Line>();
    this.#lines.set(holder, lines);
    const line = lines.get(name) ?? { gathering: undefined, underWay: 0, leave: undefined };
    lines.set(name, line);
    const isIdle = () => line.underWay === 0 && line.gathering === undefined;
    line.gathering ??= start(line, send, () => {
      if (isIdle()) lines.delete(name);
    });
    const read = line.gathering;
    read.waiting += 1;
    try {
      // as: what one name was sent for is of one type.
      return (await unlessAborted(read.answer, signal)) as T;
    } finally {
      read.waiting -= 1;
      if (read.waiting === 0) {
        // Whoever asks for it after this begins anew.
        if (line.gathering === read) line.gathering = undefined;
        if (!read.isOver) read.abort.abort();
      }
    }
  }
}

function start(line: Line, send: (signal: AbortSignal) => Promise<unknown>, onOver: () => void): SharedRead {
  const abort = new AbortController();
  const { promise: leaving, resolve } = Promise.withResolvers<void>();
  const leave = () => {
    clearTimeout(timer);
    if (line.gathering === read) line.gathering = undefined;
    if (line.leave === leave) line.leave = undefined;
    resolve();
  };
  const isAlone = line.underWay === 0;
  const timer = isAlone ? undefined : setTimeout(leave, gatherMs);
  // What has come by now is handed on before this: all of it shares the read.
  if (isAlone) setImmediate(leave);
  else line.leave = leave;
  const answer = leaving.then(async () => {
    line.underWay += 1;
    try {
      return await send(abort.signal);
    } finally {
      read.isOver = true;
      line.underWay -= 1;
      line.leave?.();
      onOver();
    }
  });
  // Whoever waits is told; those who gave up are not.
  answer.catch(() => undefined);
  const read: SharedRead = { answer, abort, waiting: 0, isOver: false };
  return read;
}
