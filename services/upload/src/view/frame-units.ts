/** What a decoder is fed for one frame: a bounded number of bytes and units, whatever the file says. */
import type { ByteSource } from './byte-source.ts';
import type { Sample } from './mp4-samples.ts';
import type { VideoTrack } from './mp4-track.ts';
import { notViewable } from './not-viewable.ts';

export interface FrameUnits {
  /** NAL units without start codes, in decoding order, from a key frame on; whole samples for other codecs. */
  units: Buffer[];
  /** Which of the frames that come out is the one asked for, counted from 0 in the order of showing. */
  index: number;
  /** How many of them come after it. */
  after: number;
  /** How many of them may be missing before it: they refer to what comes before the key frame. */
  mayMiss: number;
}

/** No decoder is fed more for one frame; a frame further from its key frame is replaced by an earlier one. */
const maxFedSamples = 600;
const maxFedBytes = 48 * 1024 * 1024;
/** A frame has a unit for each slice; encoders make some dozens, a hostile file one of each byte. */
const maxFedUnits = 20_000;
/** A key frame is told by the first units of a sample. */
const peekBytes = 4_096;
const maxPeeks = 100;

/** The units of the frame that is shown at a time: those of its key frame and of all up to itself. */
export async function readFrameUnits(
  source: ByteSource,
  track: VideoTrack,
  atSeconds: number,
): Promise<FrameUnits> {
  const { samples } = track;
  const target = sampleAt(samples, track.toMediaSeconds(atSeconds));
  const key = await findKeyFrame(source, track, target);
  const units = [...track.parameterSets];
  const fed: Sample[] = [];
  let fedBytes = 0;
  for (const sample of samples.slice(key, Math.min(target + 1, key + maxFedSamples))) {
    fedBytes += sample.sizeBytes;
    if (fedBytes > maxFedBytes) break;
    fed.push(sample);
    for (const unit of await unitsOf(source, track, sample)) units.push(unit);
    if (units.length > maxFedUnits) throw notViewable('The video is cut into too many pieces to be shown.');
  }
  const [first, last] = [fed[0], fed.at(-1)];
  if (first === undefined || last === undefined) throw notViewable('The frame is too large to be shown.');
  return {
    units,
    index: fed.filter(({ at }) => at < last.at).length,
    after: fed.filter(({ at }) => at > last.at).length,
    mayMiss: fed.filter(({ at }) => at < first.at).length,
  };
}

/** The last frame shown at or before a time; the last of all for a time past the end. */
function sampleAt(samples: readonly Sample[], seconds: number): number {
  let best = -1;
  let earliest = 0;
  for (const [index, sample] of samples.entries()) {
    if (sample.at < (samples[earliest]?.at ?? 0)) earliest = index;
    // Half a tick of slack: times are fractions of the file's own clock.
    if (sample.at > seconds + 0.0005) continue;
    if (best === -1 || sample.at > (samples[best]?.at ?? 0)) best = index;
  }
  return best === -1 ? earliest : best;
}

/**
 * Where decoding has to begin. Frames that come after a key frame and are shown before it (an open group) refer to
 * the group before, so for one of them decoding begins there.
 */
async function findKeyFrame(source: ByteSource, track: VideoTrack, target: number): Promise<number> {
  const key = await lastKeyFrame(source, track, target);
  const shownAt = track.samples[target]?.at ?? 0;
  const isLeading = key > 0 && shownAt < (track.samples[key]?.at ?? 0);
  return isLeading ? lastKeyFrame(source, track, key - 1) : key;
}

async function lastKeyFrame(source: ByteSource, track: VideoTrack, target: number): Promise<number> {
  let peeks = 0;
  for (let index = target; index > 0 && index > target - maxFedSamples; index -= 1) {
    const sample = track.samples[index];
    if (sample?.isSync === true) return index;
    // Without the table every frame should be a key frame; encoders that leave it out do not keep to that.
    if (sample === undefined || sample.isSync !== undefined) continue;
    if (track.lengthBytes === 0) return index;
    peeks += 1;
    if (peeks > maxPeeks) throw notViewable('The video has no key frame near this time.');
    if (await isKeyFrame(source, track, sample)) return index;
  }
  const before = track.samples.slice(0, Math.max(0, target - maxFedSamples + 1));
  return Math.max(
    0,
    before.findLastIndex(({ isSync }) => isSync === true),
  );
}

async function isKeyFrame(source: ByteSource, track: VideoTrack, sample: Sample): Promise<boolean> {
  const { lengthBytes, codec } = track;
  const head = await source.read(sample.offset, Math.min(sample.sizeBytes, peekBytes));
  for (let offset = 0; offset + lengthBytes < head.byteLength; ) {
    const type = head.readUInt8(offset + lengthBytes);
    // A picture of its own: IDR in H.264; in HEVC all from BLA to CRA.
    if (codec === 'h264' ? (type & 0x1f) === 5 : type >> 1 >= 16 && type >> 1 <= 21) return true;
    if (codec === 'h264' ? (type & 0x1f) === 1 : type >> 1 < 16) return false;
    offset += lengthBytes + head.readUIntBE(offset, lengthBytes);
  }
  return false;
}

async function unitsOf(source: ByteSource, track: VideoTrack, sample: Sample): Promise<Buffer[]> {
  if (sample.sizeBytes > maxFedBytes) throw notViewable('The frame is too large to be shown.');
  const bytes = await source.read(sample.offset, sample.sizeBytes);
  if (bytes.byteLength < sample.sizeBytes) throw notViewable('The video is broken or cut off.');
  if (track.lengthBytes === 0) return [bytes];
  const units: Buffer[] = [];
  let offset = 0;
  while (offset + track.lengthBytes < bytes.byteLength) {
    const length = bytes.readUIntBE(offset, track.lengthBytes);
    offset += track.lengthBytes;
    if (offset + length > bytes.byteLength) throw notViewable('The video is broken or cut off.');
    if (length > 0) units.push(bytes.subarray(offset, offset + length));
    if (units.length > maxFedUnits) throw notViewable('The video is cut into too many pieces to be shown.');
    offset += length;
  }
  return units;
}
