import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openPicture } from './open-picture.ts';

const maxPixels = 50_000_000;

/** A PNG whose head names another size; its pixels are never looked at. */
async function sized(side: number, isInterlaced: boolean): Promise<Buffer> {
  const image = sharp({ create: { width: 8, height: 8, channels: 4, background: '#123456' } });
  const bytes = await image.toColourspace('rgb16').png({ progressive: isInterlaced }).toBuffer();
  bytes.writeUInt32BE(side, 16);
  bytes.writeUInt32BE(side, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

describe('openPicture', () => {
  it('refuses a picture by what it takes to decode, before any of it is decoded', async () => {
    await expect(openPicture(await sized(6_000, true), maxPixels)).rejects.toThrow(
      'too much memory to decode',
    );
  });

  it('takes as large a picture that passes line by line', async () => {
    expect(await openPicture(await sized(6_000, false), maxPixels)).toMatchObject({ width: 6_000 });
  });

  it('refuses more pixels than a model takes', async () => {
    await expect(openPicture(await sized(8_000, false), maxPixels)).rejects.toThrow('at most 50000000');
  });
});
