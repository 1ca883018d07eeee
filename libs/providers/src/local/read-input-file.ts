import { InputFileError } from './input-file-error.ts';

export interface ReadLimits {
  maxBytes: number;
  timeoutMs: number;
  signal: AbortSignal;
}

/** The bytes behind an input field: an internal http URL or a `data:` URI. */
export async function readInputFile(field: string, url: string, limits: ReadLimits): Promise<Uint8Array> {
  if (/^data:/i.test(url)) return readDataUri(field, url, limits.maxBytes);
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

function readDataUri(field: string, uri: string, maxBytes: number): Uint8Array {
  const comma = uri.indexOf(',');
  if (comma === -1) throw unreadable(field, 'the data: URI has no comma');
  // Schemes and marks have no case (RFC 2397), and base64 may be percent-encoded where it stands in a link.
  const isBase64 = /;\s*base64\s*$/i.test(uri.slice(0, comma));
  const rest = uri.slice(comma + 1);
  const payload =
    isBase64 && rest.includes('%') ? new TextDecoder().decode(percentDecoded(field, rest)) : rest;
  if (payload.length > maxBytes * (isBase64 ? 4 / 3 : 3) + 4) throw tooLarge(field, maxBytes);
  const bytes = isBase64 ? Buffer.from(payload, 'base64') : percentDecoded(field, payload);
  if (bytes.byteLength > maxBytes) throw tooLarge(field, maxBytes);
  return join(field, [bytes], bytes.byteLength);
}

function percentDecoded(field: string, payload: string): Uint8Array {
  try {
    return new TextEncoder().encode(decodeURIComponent(payload));
  } catch {
    // Binary data in percent-encoding, or a stray percent sign.
    throw unreadable(field, 'the data: URI is not base64');
  }
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
