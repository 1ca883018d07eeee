import { buffer } from 'node:stream/consumers';
import type { Blobs } from '@inferry/blobs';

/** A file that is read in pieces. */
export interface ByteSource {
  sizeBytes: number;
  /** Bytes from `start`; fewer than asked for at the end of the file. */
  read(start: number, length: number): Promise<Buffer>;
}

export function blobSource(blobs: Blobs, key: string, sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    async read(start, length) {
      const end = Math.min(start + length, sizeBytes) - 1;
      return end < start ? Buffer.alloc(0) : buffer(await blobs.get(key, { start, end }));
    },
  };
}

export function bufferSource(bytes: Buffer): ByteSource {
  return {
    sizeBytes: bytes.byteLength,
    read: async (start, length) => bytes.subarray(start, start + length),
  };
}
