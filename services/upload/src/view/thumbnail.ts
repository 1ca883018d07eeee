/** Pictures made small enough for a conversation. Only the process of decoding may load this. */
import sharp, { type Metadata, type Sharp } from 'sharp';
import type { Turn } from './mp4-track.ts';
import { notViewable } from './not-viewable.ts';
import type { Picture } from './view-protocol.ts';

type Thumbnail = Picture['image'];

/** Larger pictures are refused before they are decoded. */
const maxPixels = 80_000_000;
const timeoutSeconds = 10;

/** As base64 under 1 MB, with room for the rest of the answer. */
const maxThumbnailBytes = 650_000;
/** A picture with transparency stays a PNG only when that is small. */
const maxPngBytes = 150_000;

// One picture, one thread, nothing kept.
sharp.concurrency(1);
sharp.cache(false);

/** Bytes for each pixel of formats that are decoded whole, as measured; the others pass line by line. */
function bytesPerPixel({ format, isProgressive, depth, space }: Metadata): number {
  if (format === 'heif') return 18;
  if (format === 'webp' || format === 'gif') return 5;
  if (isProgressive !== true) return 0;
  if (format === 'png') return depth === 'ushort' ? 9 : 5;
  return space === 'cmyk' ? 8 : 5;
}

function refuseTooLarge(metadata: Metadata, memoryMb: number): void {
  const pixels = metadata.width * metadata.height;
  if (pixels > maxPixels) throw notViewable('The picture has too many pixels.');
  if (pixels * bytesPerPixel(metadata) <= memoryMb * 1024 * 1024) return;
  throw notViewable(
    `The picture has ${Math.round(pixels / 1e6)} megapixels in a form that takes more memory to decode than there is for one.`,
  );
}

/** A picture file as a thumbnail; the first frame of an animation. What is broken is shown as far as it goes. */
export async function thumbnailOfFile(
  bytes: Buffer,
  { maxPx, memoryMb }: { maxPx: number; memoryMb: number },
): Promise<Picture> {
  try {
    const input = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'none', sequentialRead: true });
    const metadata = await input.metadata();
    refuseTooLarge(metadata, memoryMb);
    const { autoOrient, hasAlpha } = metadata;
    const image = await shrink(input.autoOrient(), { maxPx, hasAlpha });
    return { image, width: autoOrient.width, height: autoOrient.height };
  } catch (error) {
    throw asNotViewable(error);
  }
}

/** How a coded frame becomes what is shown. */
interface FrameShape {
  /** Of what is shown of it, before it is turned; codecs fill up to whole blocks. */
  width: number;
  height: number;
  /** Undefined: its pixels are square, or it has been stretched already. */
  pixelAspect: number | undefined;
  turn: Turn;
}

/** Pixels of three colours. */
interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** A decoded frame, as RGB or as a picture file, as it is to be shown. */
export async function thumbnailOfFrame(
  frame: Buffer | { rgb: Uint8Array; width: number; height: number },
  shape: FrameShape,
  maxPx: number,
): Promise<Picture> {
  try {
    const coded = Buffer.isBuffer(frame)
      ? await toPixels(sharp(frame, { limitInputPixels: maxPixels }).removeAlpha().toColourspace('srgb'))
      : await cropped({ data: frame.rgb, width: frame.width, height: frame.height }, shape);
    const turned = await turn(await stretched(coded, shape), shape.turn);
    const { width, height } = turned;
    return { image: await shrink(ofPixels(turned), { maxPx, hasAlpha: false }), width, height };
  } catch (error) {
    throw asNotViewable(error);
  }
}

async function cropped(pixels: Pixels, shape: FrameShape): Promise<Pixels> {
  const width = Math.min(shape.width, pixels.width);
  const height = Math.min(shape.height, pixels.height);
  return toPixels(ofPixels(pixels).extract({ left: 0, top: 0, width, height }));
}

async function stretched(pixels: Pixels, { width, height, pixelAspect }: FrameShape): Promise<Pixels> {
  const wanted = Math.round(width * (pixelAspect ?? 1) * (pixels.height / height));
  if (pixelAspect === undefined || wanted === pixels.width || wanted < 1) return pixels;
  return toPixels(ofPixels(pixels).resize(Math.min(wanted, 8_192), pixels.height, { fit: 'fill' }));
}

/** A step each: in one pipeline the library has an order of its own. */
async function turn(pixels: Pixels, { degrees, isMirrored }: Turn): Promise<Pixels> {
  const turned = degrees === 0 ? pixels : await toPixels(ofPixels(pixels).rotate(degrees));
  return isMirrored ? toPixels(ofPixels(turned).flop()) : turned;
}

function ofPixels({ data, width, height }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

async function toPixels(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
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
