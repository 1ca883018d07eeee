import sharp, { type Sharp } from 'sharp';
import { notViewable } from './not-viewable.ts';

/** What the picture is shown as: small enough for a conversation. */
export interface Thumbnail {
  data: string;
  mime_type: string;
}

export interface Picture {
  image: Thumbnail;
  /** Of the original. */
  width: number;
  height: number;
  /** Of a video. */
  durationSeconds?: number;
}

/** Larger files and pictures are refused before they are decoded. */
export const maxPictureBytes = 64 * 1024 * 1024;
const maxPixels = 80_000_000;
const timeoutSeconds = 10;

/** As base64 under 1 MB, with room for the rest of the answer. */
const maxThumbnailBytes = 650_000;
/** A picture with transparency stays a PNG only when that is small. */
const maxPngBytes = 150_000;

export const viewableTypes: ReadonlySet<string> = new Set([
  'image/png',
  'image/apng',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/tiff',
]);

// One picture, one thread, nothing kept: a thumbnail must never take the machine from uploads.
export function quietSharp(): void {
  sharp.concurrency(1);
  sharp.cache(false);
}

/** A picture file as a thumbnail; the first frame of an animation. What is broken is shown as far as it goes. */
export async function thumbnailOfFile(bytes: Buffer, maxPx: number): Promise<Picture> {
  try {
    const input = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'none', sequentialRead: true });
    const { autoOrient, hasAlpha } = await input.metadata();
    if (autoOrient.width * autoOrient.height > maxPixels)
      throw notViewable('The picture has too many pixels.');
    const image = await shrink(input.autoOrient(), { maxPx, hasAlpha });
    return { image, width: autoOrient.width, height: autoOrient.height };
  } catch (error) {
    throw asNotViewable(error);
  }
}

/** Pixels of a decoded frame. */
export interface RawFrame {
  rgb: Uint8Array;
  /** Of the buffer, which codecs fill up to whole blocks. */
  codedWidth: number;
  codedHeight: number;
  width: number;
  height: number;
  rotation: 0 | 90 | 180 | 270;
}

export async function thumbnailOfFrame(frame: RawFrame, maxPx: number): Promise<Picture> {
  const { rgb, codedWidth, codedHeight, rotation } = frame;
  const width = Math.min(frame.width, codedWidth);
  const height = Math.min(frame.height, codedHeight);
  try {
    const input = sharp(rgb, { raw: { width: codedWidth, height: codedHeight, channels: 3 } })
      .extract({ left: 0, top: 0, width, height })
      .rotate(rotation);
    const image = await shrink(input, { maxPx, hasAlpha: false });
    return rotation % 180 === 0 ? { image, width, height } : { image, width: height, height: width };
  } catch (error) {
    throw asNotViewable(error);
  }
}

async function shrink(
  input: Sharp,
  { maxPx, hasAlpha }: { maxPx: number; hasAlpha: boolean },
): Promise<Thumbnail> {
  const small = input
    .resize({ width: maxPx, height: maxPx, fit: 'inside', withoutEnlargement: true })
    .timeout({ seconds: timeoutSeconds });
  // Decoded once: each encoding below starts from these few pixels.
  const { data, info } = await small.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const pixels = () =>
    sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } });
  if (hasAlpha) {
    const png = await pixels().png({ compressionLevel: 9 }).toBuffer();
    if (png.byteLength <= maxPngBytes) return { data: png.toString('base64'), mime_type: 'image/png' };
  }
  for (const quality of [80, 60, 40, 20]) {
    const jpeg = await pixels()
      .flatten({ background: '#ffffff' })
      .jpeg({ quality, mozjpeg: false })
      .toBuffer();
    if (jpeg.byteLength <= maxThumbnailBytes)
      return { data: jpeg.toString('base64'), mime_type: 'image/jpeg' };
  }
  throw notViewable('The picture cannot be made small enough.', 'Ask for a smaller max_px.');
}

function asNotViewable(error: unknown): Error {
  // A failure of the decoder is the picture's: its text may quote the file and is not passed on.
  return error instanceof Error && error.name === 'AppError'
    ? error
    : notViewable('The picture cannot be decoded.');
}
