import sharp, { type Metadata, type Sharp } from 'sharp';
import { UnusableInput } from '../unusable-input.ts';

// One job is one core's work; and a worker that lives for minutes needs no cache of pictures.
sharp.concurrency(1);
sharp.cache(false);

export interface Picture {
  /** Upright, sRGB, 8 bits; nothing is decoded yet. */
  image: Sharp;
  width: number;
  height: number;
  hasAlpha: boolean;
}

/** What decoding one picture may take, whatever its pixels: the process that the workers share has a bound. */
const maxDecodedBytes = 256 * 1024 * 1024;

const notAPicture = 'image: this is no PNG, JPEG or WebP picture. Convert it to one of these and upload it.';
const tooMuchMemory =
  'image: the picture is so large in an interlaced or progressive form that it takes too much memory to decode. ' +
  'Save it without that, or smaller.';
const damaged = 'image: the picture is damaged or cut off. Upload it again.';

/** Checks a picture's format and size before any of it is decoded. */
export async function openPicture(bytes: Uint8Array, maxPixels: number): Promise<Picture> {
  // By its first bytes, because libvips would also try loaders of far larger formats.
  if (!isPngJpegOrWebp(bytes)) throw new UnusableInput(notAPicture);
  // Our own check of the size says more than the library's, which stays as a second wall.
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: 4 * maxPixels });
  const metadata = await orDamaged(image.metadata(), maxPixels);
  const { autoOrient, hasAlpha } = metadata;
  const { width, height } = autoOrient;
  if (width * height > maxPixels) throw tooManyPixels(width, height, maxPixels);
  if (decodedBytes(metadata) > maxDecodedBytes) throw new UnusableInput(tooMuchMemory);
  return { image: image.autoOrient().toColourspace('srgb'), width, height, hasAlpha };
}

/** Of forms that are decoded as a whole, as measured; the others pass line by line. */
function decodedBytes({ format, isProgressive, depth, space, width, height }: Metadata): number {
  if (format === 'webp') return width * height * 5;
  if (isProgressive !== true) return 0;
  if (format === 'png') return width * height * (depth === 'ushort' ? 9 : 5);
  return width * height * (space === 'cmyk' ? 8 : 5);
}

/** What a decoding step gives; its failures are the picture's. */
export async function orDamaged<T>(decoding: Promise<T>, maxPixels?: number): Promise<T> {
  try {
    return await decoding;
  } catch (error) {
    if (maxPixels !== undefined && error instanceof Error && error.message.includes('pixel limit')) {
      throw new UnusableInput(
        `image: the picture has far more than ${maxPixels} pixels. Scale it down first.`,
      );
    }
    throw new UnusableInput(damaged, { cause: error });
  }
}

function tooManyPixels(width: number, height: number, maxPixels: number): UnusableInput {
  const factor = Math.floor(Math.sqrt(maxPixels / (width * height)) * 1000) / 1000;
  return new UnusableInput(
    `image: ${width}x${height} is ${width * height} pixels, and at most ${maxPixels} are taken. ` +
      `Scale it down to ${Math.floor(width * factor)}x${Math.floor(height * factor)} or smaller first.`,
  );
}

function isPngJpegOrWebp(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.byteLength)).toString('latin1');
  const isWebp = head.startsWith('RIFF') && head.slice(8) === 'WEBP';
  return head.startsWith('\x89PNG\r\n\x1a\n') || head.startsWith('\xff\xd8\xff') || isWebp;
}
