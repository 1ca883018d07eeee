import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError } from '@inferry/contracts';

/** How a reply goes beyond what its caller allows; the connection is closed at that byte. */
export function tooLarge(title: string, maxBytes: number): AppError {
  return new AppError(
    'upstream_malformed',
    `${title} answered with more than ${maxBytes} bytes; the rest was not read.`,
  );
}

/** A body of a bounded size, unpacked. What is counted is what comes out, so that a small bomb is cut as well. */
export async function* bounded(
  body: Readable,
  { encoding, maxBytes, title }: { encoding: string | undefined; maxBytes: number; title: string },
): AsyncGenerator<Uint8Array> {
  const source = unpacked(body, encoding, title);
  let count = 0;
  try {
    for await (const chunk of source) {
      // as: no encoding is set on either stream, so that chunks are buffers.
      const bytes = chunk as Buffer;
      count += bytes.byteLength;
      if (count > maxBytes) throw tooLarge(title, maxBytes);
      yield bytes;
    }
  } finally {
    body.on('error', () => undefined).destroy();
    source.on('error', () => undefined).destroy();
  }
}

export async function readBytes(
  body: Readable,
  options: { encoding: string | undefined; maxBytes: number; title: string },
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bounded(body, options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function unpacked(body: Readable, encoding: string | undefined, title: string): Readable {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return body;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    body.on('error', () => undefined).destroy();
    throw new AppError('upstream_malformed', `${title} answered in an encoding that it was not asked for.`);
  }
  const gunzip = createGunzip();
  body.on('error', (error) => gunzip.destroy(error));
  return body.pipe(gunzip);
}
