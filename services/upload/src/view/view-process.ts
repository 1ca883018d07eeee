/**
 * The process in which strangers' pictures and films are decoded, one after the other. It reads a file by asking for
 * its bytes, has no environment and no other connections, and may be killed at any time.
 */
import { AppError } from '@inferry/contracts';
import type { ByteSource } from './byte-source.ts';
import { contactSheet } from './contact-sheet.ts';
import { notViewable } from './not-viewable.ts';
import { thumbnailOfFile } from './thumbnail.ts';
import { frameOfVideo } from './video-frame.ts';
import type { Picture, ViewerMessage, ViewReply, ViewRequest } from './view-protocol.ts';

/** In one message. */
const maxReadBytes = 4 * 1024 * 1024;
const mp4Types = new Set(['video/mp4', 'video/quicktime', 'video/x-m4v', 'video/3gpp', 'video/3gpp2']);
const videoTypes = new Set([...mp4Types, 'video/webm', 'video/matroska', 'video/x-matroska']);

let take: ((bytes: Uint8Array | undefined) => void) | undefined;

process.on('message', (message: ViewerMessage) => {
  if (message.type === 'bytes') take?.(message.bytes);
  else void answer(message);
});
// Nobody is there to be answered any more.
process.on('disconnect', () => process.exit(0));

function send(reply: ViewReply): void {
  process.send?.(reply);
}

async function answer(message: Exclude<ViewerMessage, { type: 'bytes' }>): Promise<void> {
  try {
    const picture =
      message.type === 'view'
        ? await view(message.request)
        : await contactSheet(message.cells, message.cellPx);
    send({ type: 'shown', picture });
  } catch (error) {
    const known = error instanceof AppError ? error : notViewable('The file cannot be decoded.');
    send({ type: 'refused', message: known.message, nextAction: known.nextAction ?? '' });
  }
}

async function view(request: ViewRequest): Promise<Picture> {
  const { contentType, sizeBytes } = request;
  const source = sourceOf(sizeBytes);
  if (!videoTypes.has(contentType)) return thumbnailOfFile(await source.read(0, sizeBytes), request);
  return frameOfVideo(source, { ...request, isMp4: mp4Types.has(contentType) });
}

function sourceOf(sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    async read(start, length) {
      const wanted = Math.max(0, Math.min(length, sizeBytes - start));
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < wanted; at += maxReadBytes) {
        pieces.push(await readPiece(start + at, Math.min(maxReadBytes, wanted - at)));
      }
      return pieces.length === 1 && pieces[0] !== undefined ? toBuffer(pieces[0]) : Buffer.concat(pieces);
    },
  };
}

function readPiece(start: number, length: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    take = (bytes) => {
      take = undefined;
      if (bytes === undefined) reject(notViewable('The file cannot be read.'));
      else resolve(bytes);
    };
    send({ type: 'read', start, length });
  });
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
