/** A frame of a film, as players show it: its edit list, its shape and how it is turned. */
import type { ByteSource } from './byte-source.ts';
import { decodeBaseline } from './decode-baseline.ts';
import { decodeStream, decodeUnits } from './decode-ffmpeg.ts';
import { readFrameUnits } from './frame-units.ts';
import { readMoov } from './mp4-boxes.ts';
import { parseVideoTrack, type VideoTrack } from './mp4-track.ts';
import { thumbnailOfFrame } from './thumbnail.ts';
import type { Picture } from './view-protocol.ts';

export interface FrameOptions {
  atSeconds: number;
  maxPx: number;
  ffmpegPath: string | undefined;
}

const baseline = 66;
const asItComes = { pixelAspect: undefined, turn: { degrees: 0, isMirrored: false } } as const;

/**
 * H.264 Baseline (what the built-in models write) is decoded here; everything else needs `ffmpeg`. Where the file
 * has an index, only that and the bytes of the frames needed are read.
 */
export async function frameOfVideo(
  source: ByteSource,
  { isMp4, ...options }: FrameOptions & { isMp4: boolean },
): Promise<Picture> {
  const { atSeconds, maxPx } = options;
  const track = isMp4 ? parseVideoTrack(await readMoov(source)) : undefined;
  if (track === undefined) {
    const png = await decodeStream(source, { ...options, format: isMp4 ? 'mov' : 'matroska' });
    return thumbnailOfFrame(png, { width: 1, height: 1, ...asItComes }, maxPx);
  }
  const units = await readFrameUnits(source, track, atSeconds);
  const isOurs = track.codec === 'h264' && track.profile === baseline && units.mayMiss === 0;
  const frame = isOurs ? decodeBaseline(units) : await decodeUnits(units, track, options);
  return { ...(await thumbnailOfFrame(frame, track, maxPx)), durationSeconds: secondsOf(track) };
}

function secondsOf({ durationSeconds }: VideoTrack): number {
  return Number.isFinite(durationSeconds) ? durationSeconds : 0;
}
