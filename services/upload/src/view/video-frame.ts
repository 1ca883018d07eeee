import type { ByteSource } from './byte-source.ts';
import { decodeBaseline } from './decode-baseline.ts';
import { decodeWithFfmpeg } from './decode-ffmpeg.ts';
import { readFrameUnits } from './frame-units.ts';
import { readMoov } from './mp4-boxes.ts';
import { parseVideoTrack } from './mp4-track.ts';
import { type Picture, thumbnailOfFile, thumbnailOfFrame } from './thumbnail.ts';

export interface FrameOptions {
  atSeconds: number;
  maxPx: number;
  ffmpegPath: string | undefined;
  timeoutMs: number;
}

const baseline = 66;

/**
 * A frame of an H.264 video in MP4. Baseline (what the built-in models write) is decoded here; other profiles need
 * `ffmpeg`. Only the index and the bytes of the frames needed are read.
 */
export async function frameOfVideo(source: ByteSource, options: FrameOptions): Promise<Picture> {
  const track = parseVideoTrack(await readMoov(source));
  const units = await readFrameUnits(source, track, options.atSeconds);
  const { width, height, rotation, durationSeconds } = track;
  if (track.profile === baseline) {
    const { rgb, ...coded } = await decodeBaseline(units, options.timeoutMs);
    const frame = { rgb, codedWidth: coded.width, codedHeight: coded.height, width, height, rotation };
    return { ...(await thumbnailOfFrame(frame, options.maxPx)), durationSeconds };
  }
  const png = await decodeWithFfmpeg(units, options);
  return { ...(await thumbnailOfFile(png, options.maxPx)), durationSeconds };
}
