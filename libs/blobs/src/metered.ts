import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AppError } from '@inferry/contracts';

/** Counts and hashes what passes, and refuses more than `maxBytes` before it is written. */
export class Meter {
  readonly #hash = createHash('sha256');
  readonly #maxBytes: number;
  #sizeBytes = 0;

  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.byteLength;
    if (this.#sizeBytes > this.#maxBytes) {
      throw new AppError('upload_too_large', `The file is larger than ${this.#maxBytes} bytes.`);
    }
    this.#hash.update(chunk);
  }

  /** Once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}

/** The body chunk by chunk through a meter; ends with `cancelled` when the signal is aborted. */
export async function* metered(
  body: Readable,
  meter: Meter,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const onAbort = () => body.destroy(cancelled());
  if (signal?.aborted) throw cancelled();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of body) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      meter.add(bytes);
      yield bytes;
    }
    if (signal?.aborted) throw cancelled();
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The stored parts one after the other; opens each when the one before has been read. */
export async function* joined(
  parts: readonly string[],
  open: (key: string) => Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* await open(part);
}

function cancelled(): AppError {
  return new AppError('cancelled', 'The upload was cancelled.');
}

export function storageUnavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'The file storage does not answer.', {
    retryAfterSeconds: 5,
    nextAction: 'Try again in a few seconds.',
    cause,
  });
}

export function blobNotFound(): AppError {
  return new AppError('asset_not_found', 'There is no such file.');
}
