import type { Readable } from 'node:stream';
import { AppError } from '@inferry/contracts';
import { Pace, type PaceOptions, slowestPace } from '@inferry/runtime';

/** As much of a file as telling its type may need. */
export const headBytes = 64 * 1024;

/** Keeps the first bytes of what passes. */
export class Head {
  readonly #chunks: Uint8Array[] = [];
  #sizeBytes = 0;

  add(chunk: Uint8Array): void {
    if (this.#sizeBytes >= headBytes) return;
    const kept = Buffer.from(chunk.subarray(0, headBytes - this.#sizeBytes));
    this.#chunks.push(kept);
    this.#sizeBytes += kept.byteLength;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

export interface PatienceOptions {
  /** The longest wait for the sender's next bytes; the time in which the storage is slow does not count. */
  silenceMs: number;
  pace?: PaceOptions | undefined;
  signal: AbortSignal;
}

/**
 * A body chunk by chunk, given up when the sender is silent for too long or the signal is aborted. It leaves the body
 * itself alone: destroying a request would take away the connection that the refusal has to travel on.
 */
export async function* patiently(body: Readable, options: PatienceOptions): AsyncGenerator<Buffer> {
  const chunks = body.iterator({ destroyOnReturn: false });
  const pace = new Pace(options.pace ?? slowestPace);
  for (;;) {
    const askedAt = performance.now();
    const step = await nextWithin(chunks, options);
    if (step.done === true) return;
    if (!pace.add(performance.now() - askedAt, step.value.byteLength)) {
      throw tooSlow('The sender is too slow.');
    }
    yield Buffer.isBuffer(step.value) ? step.value : Buffer.from(step.value);
  }
}

function tooSlow(message: string): AppError {
  return new AppError('deadline_exceeded', message, {
    nextAction: 'Send it again over a better connection; what came so far is not kept.',
  });
}

async function nextWithin(
  chunks: AsyncIterator<Uint8Array>,
  { silenceMs, signal }: PatienceOptions,
): Promise<IteratorResult<Uint8Array>> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () =>
    reject(new AppError('cancelled', 'The transfer was broken off.', { nextAction: 'Send it again.' }));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => {
    reject(tooSlow('The sender was silent for too long.'));
  }, silenceMs);
  try {
    return await Promise.race([chunks.next(), promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Passes chunks on and shows each to `look`. */
export async function* observed(
  chunks: AsyncIterable<Buffer>,
  look: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    look(chunk);
    yield chunk;
  }
}
