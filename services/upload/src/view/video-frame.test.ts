import HME from 'h264-mp4-encoder';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { withMatrix } from '../testing-films.ts';
import { bufferSource } from './byte-source.ts';
import { readMoov } from './mp4-boxes.ts';
import { parseVideoTrack } from './mp4-track.ts';
import { frameOfVideo } from './video-frame.ts';
import type { Picture } from './view-protocol.ts';

/** A second of red, green, blue and white quarters, from the top left on, clockwise; the second one is all white. */
const film = await filmOf((frame, left, top) => {
  if (frame >= 10) return [230, 230, 230];
  if (top) return left ? [230, 20, 20] : [20, 230, 20];
  return left ? [230, 230, 230] : [20, 20, 230];
});

async function filmOf(colourAt: (frame: number, left: boolean, top: boolean) => number[]): Promise<Buffer> {
  const encoder = await HME.createH264MP4Encoder();
  Object.assign(encoder, { width: 128, height: 64, frameRate: 10 });
  encoder.initialize();
  for (let frame = 0; frame < 20; frame += 1) {
    const pixels = new Uint8Array(128 * 64 * 4).fill(255);
    for (let at = 0; at < 128 * 64; at += 1)
      pixels.set(colourAt(frame, at % 128 < 64, at < 32 * 128), at * 4);
    encoder.addFrameRgba(pixels);
  }
  encoder.finalize();
  const bytes = Buffer.from(encoder.FS.readFile(encoder.outputFilename));
  encoder.delete();
  return bytes;
}

function frameOf(bytes: Buffer, atSeconds = 0): Promise<Picture> {
  return frameOfVideo(bufferSource(bytes), { atSeconds, maxPx: 512, ffmpegPath: undefined, isMp4: true });
}

/** The colours of the four quarters, from the top left on, clockwise. */
async function quartersOf({ image, width, height }: Picture): Promise<string> {
  const { data } = await sharp(Buffer.from(image.data, 'base64')).raw().toBuffer({ resolveWithObject: true });
  const places = [
    [0.25, 0.25],
    [0.75, 0.25],
    [0.75, 0.75],
    [0.25, 0.75],
  ] as const;
  return places
    .map(([x, y]) => {
      const at = (Math.floor(y * height) * width + Math.floor(x * width)) * 3;
      const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
      if (red > 150 && green > 150 && blue > 150) return 'w';
      return red > 150 ? 'r' : green > 150 ? 'g' : 'b';
    })
    .join('');
}

describe('a film with a matrix', () => {
  it.each([
    ['none', [1, 0, 0, 1], 'rgbw', '128x64'],
    ['a quarter turn', [0, 1, -1, 0], 'wrgb', '64x128'],
    ['half a turn', [-1, 0, 0, -1], 'bwrg', '128x64'],
    ['three quarters', [0, -1, 1, 0], 'gbwr', '64x128'],
    ['a mirror from left to right', [-1, 0, 0, 1], 'grwb', '128x64'],
    ['a mirror from top to bottom', [1, 0, 0, -1], 'wbgr', '128x64'],
    ['a mirror and a quarter turn', [0, 1, 1, 0], 'rwbg', '64x128'],
    ['a mirror and three quarters', [0, -1, -1, 0], 'bgrw', '64x128'],
    ['all zeros', [0, 0, 0, 0], 'rgbw', '128x64'],
  ] as const)('is shown as players show it: %s', async (...[, matrix, quarters, size]) => {
    const seen = await frameOf(withMatrix(film, matrix));

    expect(`${seen.width}x${seen.height}`).toBe(size);
    expect(await quartersOf(seen)).toBe(quarters);
  });
});

describe('a film with an edit list', () => {
  /** An `edts` in place of the padding that is added to the track. */
  function edited(
    edits: readonly (readonly [duration: number, mediaTime: number])[],
    timescale: number,
  ): Buffer {
    const elst = Buffer.alloc(16 + edits.length * 12);
    elst.writeUInt32BE(elst.byteLength, 0);
    elst.write('elst', 4, 'latin1');
    elst.writeUInt32BE(edits.length, 12);
    for (const [index, [duration, mediaTime]] of edits.entries()) {
      elst.writeUInt32BE(duration, 16 + index * 12);
      elst.writeInt32BE(mediaTime, 20 + index * 12);
      elst.writeUInt32BE(65_536, 24 + index * 12);
    }
    const edts = Buffer.alloc(8 + elst.byteLength);
    edts.writeUInt32BE(edts.byteLength, 0);
    edts.write('edts', 4, 'latin1');
    elst.copy(edts, 8);
    const at = film.indexOf('mdia') - 4;
    const copy = Buffer.concat([film.subarray(0, at), edts, film.subarray(at)]);
    for (const name of ['moov', 'trak']) {
      const start = copy.indexOf(name) - 4;
      copy.writeUInt32BE(copy.readUInt32BE(start) + edts.byteLength, start);
    }
    const mvhd = copy.indexOf('mvhd') + 4;
    copy.writeUInt32BE(timescale, mvhd + 12);
    return copy;
  }
  const media = film.readUInt32BE(film.indexOf('mdhd') + 4 + 12);

  it('is as long as what is shown of it, and begins there', async () => {
    const cut = edited([[500, Math.round(media * 0.8)]], 1_000);

    expect(await quartersOf(await frameOf(cut, 0))).toBe('rgbw');
    expect(await quartersOf(await frameOf(cut, 0.3))).toBe('wwww');
    expect(await frameOf(cut, 0)).toMatchObject({ durationSeconds: 0.5 });
  });

  it('shows nothing yet during an empty edit, and its parts in their order', async () => {
    const moved = edited(
      [
        [1_000, -1],
        [500, media],
        [500, 0],
      ],
      1_000,
    );
    const track = parseVideoTrack(await readMoov(bufferSource(moved)));

    expect(track?.durationSeconds).toBe(2);
    expect([0, 1.25, 1.75].map((at) => track?.toMediaSeconds(at))).toEqual([1, 1.25, 0.25]);
    expect(await quartersOf(await frameOf(moved, 1.25))).toBe('wwww');
    expect(await quartersOf(await frameOf(moved, 1.75))).toBe('rgbw');
  });
});

it('says which program is missing for another codec', async () => {
  const other = Buffer.from(film);
  other.write('hvc1', other.indexOf('avc1', other.indexOf('stsd')), 'latin1');
  other.write('hvcC', other.indexOf('avcC'), 'latin1');

  await expect(frameOf(other)).rejects.toMatchObject({ code: 'not_viewable' });
});
