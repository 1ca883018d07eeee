import { createRequire } from 'node:module';
import type { H264MP4Encoder } from 'h264-mp4-encoder';
import type { PanAndZoomInput } from '../models/pan-and-zoom.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { cameraAt, type View } from './camera-path.ts';
import { openPicture, orDamaged } from './open-picture.ts';
import { ownBytes, serveJobs, type WorkerJob } from './serve-jobs.ts';

interface Canvas {
  width: number;
  height: number;
  /** 4 bytes a pixel. */
  pixels: Uint8Array;
}

const maxPixels = 50_000_000;
/** Of the encoder, 10..51; lower is better and larger. */
const quantizer = 24;
const encoderSpeed = 4;

serveJobs(film);

async function film({ file, input, progress }: WorkerJob<PanAndZoomInput>): Promise<WorkerOutput[]> {
  const size = frameSize(input);
  const source = await readSource(file('image'), size, input.zoom);
  const frame: Canvas = { ...size, pixels: new Uint8Array(size.width * size.height * 4) };
  const frames = Math.max(2, Math.round(input.duration_seconds * input.fps));
  const encoder = await openEncoder(size, input.fps);
  for (let index = 0; index < frames; index += 1) {
    sample(source, frame, cameraAt(input.motion, input.zoom, index / (frames - 1)));
    encoder.addFrameRgba(frame.pixels);
    progress((index + 1) / frames);
  }
  const bytes = ownBytes(closeEncoder(encoder));
  return [{ kind: 'video', contentType: 'video/mp4', fileName: 'pan-and-zoom.mp4', bytes }];
}

/** The encoder takes even sides only. */
function frameSize({ aspect_ratio, resolution }: PanAndZoomInput): { width: number; height: number } {
  const [across = 1, down = 1] = aspect_ratio.split(':').map(Number);
  const unit = Number.parseInt(resolution, 10) / Math.min(across, down);
  return { width: 2 * Math.round((across * unit) / 2), height: 2 * Math.round((down * unit) / 2) };
}

/** The picture at the scale at which the closest view has a pixel for a pixel. */
async function readSource(
  bytes: Uint8Array,
  frame: { width: number; height: number },
  zoom: number,
): Promise<Canvas> {
  const { image } = await openPicture(bytes, maxPixels);
  const scaled = image
    .resize(Math.ceil(frame.width * zoom), Math.ceil(frame.height * zoom), { fit: 'cover' })
    .flatten({ background: '#000000' })
    .ensureAlpha();
  const { data, info } = await orDamaged(scaled.raw().toBuffer({ resolveWithObject: true }));
  return { width: info.width, height: info.height, pixels: data };
}

/** Draws a view of the source, between its pixels where needed: whole-pixel steps would make slow movement jerk. */
function sample(source: Canvas, frame: Canvas, view: View): void {
  const stepX = (view.size * (source.width - 1)) / (frame.width - 1);
  const stepY = (view.size * (source.height - 1)) / (frame.height - 1);
  const from = source.pixels;
  let to = 0;
  for (let row = 0; row < frame.height; row += 1) {
    const y = Math.min(source.height - 1.001, view.y * (source.height - 1) + row * stepY);
    const top = Math.floor(y) * source.width;
    const down = y - Math.floor(y);
    for (let column = 0; column < frame.width; column += 1) {
      const x = Math.min(source.width - 1.001, view.x * (source.width - 1) + column * stepX);
      const right = x - Math.floor(x);
      const upper = (top + Math.floor(x)) * 4;
      const lower = upper + source.width * 4;
      for (let channel = 0; channel < 3; channel += 1) {
        const a = from[upper + channel] ?? 0;
        const b = from[upper + 4 + channel] ?? 0;
        const c = from[lower + channel] ?? 0;
        const d = from[lower + 4 + channel] ?? 0;
        const above = a + (b - a) * right;
        frame.pixels[to + channel] = above + (c + (d - c) * right - above) * down + 0.5;
      }
      to += 4;
    }
  }
}

async function openEncoder(size: { width: number; height: number }, fps: number): Promise<H264MP4Encoder> {
  const library: { createH264MP4Encoder(): Promise<H264MP4Encoder> } = createRequire(import.meta.url)(
    'h264-mp4-encoder',
  );
  const encoder = await library.createH264MP4Encoder();
  encoder.width = size.width;
  encoder.height = size.height;
  encoder.frameRate = fps;
  encoder.quantizationParameter = quantizer;
  encoder.speed = encoderSpeed;
  encoder.groupOfPictures = fps;
  encoder.initialize();
  return encoder;
}

function closeEncoder(encoder: H264MP4Encoder): Uint8Array {
  encoder.finalize();
  const video = encoder.FS.readFile(encoder.outputFilename);
  // The file system is shared by all encoders of the worker, and would keep the video.
  encoder.FS.unlink(encoder.outputFilename);
  encoder.delete();
  return video;
}
