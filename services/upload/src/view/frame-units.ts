import type { ByteSource } from './byte-source.ts';
import type { Sample, VideoTrack } from './mp4-track.ts';
import { notViewable } from './not-viewable.ts';

/** What a decoder has to be fed for one frame. */
export interface FrameUnits {
  /** NAL units without start codes, in decoding order, from a key frame on. */
  units: Buffer[];
  /** Which of the frames that come out is the one asked for, counted from 0 in the order of showing. */
  index: number;
}

/** No decoder is fed more for one frame; a frame further from its key frame is replaced by an earlier one. */
const maxFedSamples = 600;
const maxFedBytes = 48 * 1024 * 1024;
const keyFrameUnit = 5;

/** The units of the frame that is shown at a time: those of its key frame and of all up to itself. */
export async function readFrameUnits(
  source: ByteSource,
  track: VideoTrack,
  atSeconds: number,
): Promise<FrameUnits> {
  const target = sampleAt(track.samples, atSeconds);
  const units = [...track.parameterSets];
  const key = await findKeyFrame(source, track, target);
  const fed: Sample[] = [];
  let fedBytes = 0;
  for (const sample of track.samples.slice(key, Math.min(target + 1, key + maxFedSamples))) {
    fedBytes += sample.sizeBytes;
    if (fedBytes > maxFedBytes) break;
    fed.push(sample);
    units.push(...(await unitsOf(source, track, sample)));
  }
  const shownAt = fed.at(-1)?.at;
  if (shownAt === undefined) throw notViewable('The frame is too large to be shown.');
  return { units, index: fed.filter(({ at }) => at < shownAt).length };
}

/** The last frame shown at or before a time; the last of all for a time past the end. */
function sampleAt(samples: readonly Sample[], atSeconds: number): number {
  let best = 0;
  for (const [index, sample] of samples.entries()) {
    const isLater = sample.at > (samples[best]?.at ?? 0) || index === 0;
    // Half a tick of slack: times are fractions of the file's own clock.
    if (sample.at <= atSeconds + 0.0005 && isLater) best = index;
  }
  return best;
}

async function findKeyFrame(source: ByteSource, track: VideoTrack, target: number): Promise<number> {
  for (let index = target; index > 0 && index > target - maxFedSamples; index -= 1) {
    const sample = track.samples[index];
    if (sample?.isSync === true) return index;
    // Without the table every frame should be a key frame; encoders that leave it out do not keep to that.
    if (sample?.isSync === undefined && sample !== undefined && (await isKeyFrame(source, track, sample))) {
      return index;
    }
  }
  return lastSyncBefore(track.samples, target - maxFedSamples);
}

function lastSyncBefore(samples: readonly Sample[], index: number): number {
  for (let current = index; current > 0; current -= 1) if (samples[current]?.isSync === true) return current;
  return 0;
}

async function isKeyFrame(source: ByteSource, track: VideoTrack, sample: Sample): Promise<boolean> {
  const units = await unitsOf(source, track, sample);
  return units.some((unit) => ((unit[0] ?? 0) & 0x1f) === keyFrameUnit);
}

async function unitsOf(source: ByteSource, track: VideoTrack, sample: Sample): Promise<Buffer[]> {
  if (sample.sizeBytes > maxFedBytes) throw notViewable('The frame is too large to be shown.');
  const bytes = await source.read(sample.offset, sample.sizeBytes);
  if (bytes.byteLength < sample.sizeBytes) throw notViewable('The video is broken or cut off.');
  const units: Buffer[] = [];
  let offset = 0;
  while (offset + track.lengthBytes < bytes.byteLength) {
    const length = bytes.readUIntBE(offset, track.lengthBytes);
    offset += track.lengthBytes;
    if (offset + length > bytes.byteLength) throw notViewable('The video is broken or cut off.');
    if (length > 0) units.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return units;
}
