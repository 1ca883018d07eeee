import { AppError } from '@inferry/contracts';
import { type Dispatcher, WebSocket } from 'undici';

export interface OpenSocketOptions {
  /** Until it is open. Default 15 s. */
  openTimeoutMs?: number;
  /** Messages that wait to be read; one more ends the socket. Default 1,000. */
  maxQueued?: number;
}

/** A web socket as a stream of messages: text as a string, bytes as bytes. */
export interface PlatformSocket {
  /** Ends with the socket; throws `upstream_unavailable` when it broke off. One reader. */
  messages: AsyncIterable<string | Uint8Array>;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

interface SocketTarget {
  url: URL;
  headers: Record<string, string>;
  dispatcher: Dispatcher;
  signal: AbortSignal;
  title: string;
}

/** Opens a web socket; it closes when the signal fires. */
export async function openSocket(target: SocketTarget, options: OpenSocketOptions): Promise<PlatformSocket> {
  const { url, headers, dispatcher, signal, title } = target;
  const { openTimeoutMs = 15_000, maxQueued = 1_000 } = options;
  signal.throwIfAborted();
  const address = new URL(url);
  address.protocol = url.protocol.replace(/^http/, 'ws');
  const socket = new WebSocket(address, { headers, dispatcher });
  socket.binaryType = 'arraybuffer';
  const inbox = new Inbox(maxQueued, title);
  const opened = Promise.withResolvers<void>();
  const unavailable = () => new AppError('upstream_unavailable', `The socket to ${title} broke off.`);
  socket.addEventListener('open', () => opened.resolve());
  socket.addEventListener('message', ({ data }: { data: unknown }) => {
    if (typeof data === 'string') inbox.put(data);
    else if (data instanceof ArrayBuffer) inbox.put(new Uint8Array(data));
    if (inbox.isOver) socket.close();
  });
  socket.addEventListener('error', () => {
    opened.reject(unavailable());
    inbox.end(unavailable());
  });
  socket.addEventListener('close', ({ wasClean }) => {
    opened.reject(unavailable());
    inbox.end(wasClean ? undefined : unavailable());
  });
  const close = () => {
    opened.reject(unavailable());
    inbox.end(undefined);
    socket.close();
  };
  signal.addEventListener('abort', close, { once: true });
  const timer = setTimeout(close, openTimeoutMs);
  try {
    await opened.promise;
  } finally {
    clearTimeout(timer);
  }
  return { messages: inbox, send: (message) => socket.send(message), close };
}

/** What has come and was not read yet; bounded, because a slow reader must not fill the memory. */
class Inbox implements AsyncIterable<string | Uint8Array> {
  readonly #queued: (string | Uint8Array)[] = [];
  readonly #maxQueued: number;
  readonly #title: string;
  #wake: (() => void) | undefined;
  #end: { error: AppError | undefined } | undefined;

  constructor(maxQueued: number, title: string) {
    this.#maxQueued = maxQueued;
    this.#title = title;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  put(message: string | Uint8Array): void {
    if (this.#end !== undefined) return;
    if (this.#queued.length >= this.#maxQueued) {
      this.end(new AppError('upstream_malformed', `${this.#title} sent more than could be read.`));
      return;
    }
    this.#queued.push(message);
    this.#wake?.();
  }

  end(error: AppError | undefined): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array> {
    for (;;) {
      const message = this.#queued.shift();
      if (message !== undefined) yield message;
      else if (this.#end?.error !== undefined) throw this.#end.error;
      else if (this.#end !== undefined) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }
}
