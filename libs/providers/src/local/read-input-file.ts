import { isDataUri, readDataUri } from '@inferry/contracts';
import { InputFileError } from './input-file-error.ts';

export interface ReadLimits {
  maxBytes: number;
  timeoutMs: number;
  signal: AbortSignal;
}

/** The bytes behind an input field: an internal http URL or a `data:` URI. */
export async function readInputFile(field: string, url: string, limits: ReadLimits): Promise<Uint8Array> {
  if (isDataUri(url)) return fromDataUri(field, url, limits.maxBytes);
  const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(limits.timeoutMs)]);
  try {
    // A redirect could lead past the check that the service has made of this URL.
    const reply = await fetch(url, { signal, redirect: 'error' });
    if (!reply.ok) {
      await reply.body?.cancel();
      throw unreadable(field, `HTTP ${reply.status}`);
    }
    return await readBody(field, reply, limits.maxBytes);
  } catch (error) {
    if (error instanceof InputFileError) throw error;
    const why = signal.aborted ? `not read within ${Math.round(limits.timeoutMs / 1000)} s` : 'no answer';
    throw new InputFileError(
      'upstream_failed',
      `${field}: the file could not be read (${why}). Run it again.`,
      error,
    );
  }
}

async function readBody(field: string, reply: Response, maxBytes: number): Promise<Uint8Array> {
  if (Number(reply.headers.get('content-length') ?? 0) > maxBytes) {
    await reply.body?.cancel();
    throw tooLarge(field, maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of reply.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(field, maxBytes);
    chunks.push(chunk);
  }
  return join(field, chunks, size);
}

function fromDataUri(field: string, uri: string, maxBytes: number): Uint8Array {
  // Percent-encoding takes three characters for a byte.
  if (uri.length > maxBytes * 3 + 1_000) throw tooLarge(field, maxBytes);
  const read = readDataUri(uri);
  if (read === undefined) throw unreadable(field, 'the data: URI is not base64');
  if (read.bytes.byteLength > maxBytes) throw tooLarge(field, maxBytes);
  return join(field, [read.bytes], read.bytes.byteLength);
}

/** One array that owns its buffer, so that it can be handed to a worker without a copy. */
function join(field: string, chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (size === 0)
    throw new InputFileError('validation_failed', `${field}: the file is empty. Upload it again.`);
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function unreadable(field: string, why: string): InputFileError {
  return new InputFileError(
    'validation_failed',
    `${field}: the file could not be read (${why}). Upload it again and pass the new URL.`,
  );
}

function tooLarge(field: string, maxBytes: number): InputFileError {
  const limit = maxBytes >= 1 << 20 ? `${Math.floor(maxBytes / (1 << 20))} MiB` : `${maxBytes} bytes`;
  return new InputFileError(
    'validation_failed',
    `${field}: the file is larger than ${limit}. Send a smaller one.`,
  );
}
