import { CallLife, LateSignal } from '@inferry/bus';
import type { Channel, StopReason } from '@inferry/mcp';

/** Where lines go: false when the client does not read at the moment, and what may be left out should be. */
export interface LineWriter {
  readonly isFull: boolean;
  write(line: string): void;
}

const ownLink = /http:\/\/(?:127\.0\.0\.1|localhost):\d{1,5}(?=\/files\/asset_)/g;

/** A link that an earlier process on the same data folder gave leads to a port that is gone: the file is at this one's. */
export function withOwnLinks(writer: LineWriter, filesUrl: string | undefined): LineWriter {
  if (filesUrl === undefined) return writer;
  return {
    get isFull() {
      return writer.isFull;
    },
    write: (line) => writer.write(line.includes('/files/asset_') ? line.replace(ownLink, filesUrl) : line),
  };
}

/** Clients count silence: a call that goes on says so this often. */
const idleMs = 10_000;

/** The answer to one request over stdio: what is said before it goes out on the one stream that there is. */
export class StdioChannel implements Channel {
  readonly canStream = true;
  readonly life = new CallLife();
  readonly #writer: LineWriter;
  readonly #abort = new LateSignal();
  #stopReason: StopReason | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  get stopReason(): StopReason | undefined {
    return this.#stopReason;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  hurry(): void {
    this.life.finish();
  }

  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.life.cancel();
    this.#abort.raise(reason);
  }

  open(): void {}

  expectWait(): void {}

  prime(): void {}

  notify(text: string): boolean {
    if (this.#isOver || this.#writer.isFull) return false;
    this.#writer.write(text);
    this.#idle?.refresh();
    return true;
  }

  onIdle(speak: () => void): void {
    clearInterval(this.#idle);
    this.#idle = setInterval(speak, idleMs).unref();
  }

  /** Nothing is said after the answer. */
  finish(): void {
    this.#isOver = true;
    clearInterval(this.#idle);
  }
}
