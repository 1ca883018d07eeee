import { describe, expect, it } from 'vitest';
import { type ByteSource, bufferSource } from './byte-source.ts';
import { wavePeaks } from './wave-peaks.ts';

interface Sound {
  kind?: number;
  bits?: number;
  channels?: number;
  rate?: number;
  /** What stands before the samples. */
  extra?: Buffer;
  saidBytes?: number;
}

/** A WAV file of samples as they are. */
function wav(
  data: Buffer,
  { kind = 1, bits = 16, channels = 1, rate = 8_000, extra, saidBytes }: Sound = {},
) {
  const format = Buffer.alloc(24);
  format.write('fmt ', 0, 'latin1');
  format.writeUInt32LE(16, 4);
  format.writeUInt16LE(kind, 8);
  format.writeUInt16LE(channels, 10);
  format.writeUInt32LE(rate, 12);
  format.writeUInt16LE((channels * bits) / 8, 20);
  format.writeUInt16LE(bits, 22);
  const head = Buffer.alloc(8);
  head.write('data', 0, 'latin1');
  head.writeUInt32LE(saidBytes ?? data.byteLength, 4);
  const riff = Buffer.from('RIFF\0\0\0\0WAVE', 'latin1');
  return Buffer.concat([riff, format, extra ?? Buffer.alloc(0), head, data]);
}

function int16(values: readonly number[]): Buffer {
  return Buffer.from(Int16Array.from(values).buffer);
}

describe('the waveform of a sound', () => {
  it('has the highest of each part, as a share of the loudest', async () => {
    const samples = int16([0, 1_000, -16_000, 200, 8_000, 0, 0, 4_000]);

    const { peaks, seconds } = await wavePeaks(bufferSource(wav(samples)));

    expect(peaks).toEqual([0, 0.063, 1, 0.013, 0.5, 0, 0, 0.25]);
    expect(seconds).toBe(0.001);
  });

  it.each([
    ['bytes', { bits: 8 }, Buffer.from([128, 255, 0, 128])],
    ['24 bits', { bits: 24 }, Buffer.from([0, 0, 0, 255, 255, 127, 0, 0, 128, 0, 0, 0])],
    ['floats', { bits: 32, kind: 3 }, Buffer.from(Float32Array.from([0, 0.99, -1, 0]).buffer)],
    ['two channels', { channels: 2 }, int16([0, 9, 32_767, 9, -32_768, 9, 0, 9])],
    [
      'a chunk before them',
      { extra: Buffer.from('LIST\u0003\0\0\0abc\0', 'latin1') },
      int16([0, 32_767, -32_768, 0]),
    ],
    ['no size', { saidBytes: 0xffff_ffff }, int16([0, 32_767, -32_768, 0])],
  ])('reads %s', async (_what, sound, data) => {
    const { peaks } = await wavePeaks(bufferSource(wav(data, sound)));

    expect(peaks.map((peak) => Math.round(peak))).toEqual([0, 1, 1, 0]);
  });

  it.each([
    ['another format', Buffer.from(`ID3${'x'.repeat(100)}`)],
    ['an empty file', Buffer.alloc(0)],
    ['a compressed one', wav(int16([1, 2]), { kind: 0x55 })],
    ['a head without samples', wav(Buffer.alloc(0))],
  ])('is nothing for %s', async (_what, file) => {
    expect(await wavePeaks(bufferSource(file))).toEqual({ peaks: [] });
  });

  it('reads no more than a MiB and a head of a long file, from all of it', async () => {
    const file = wav(int16(Array.from({ length: 2_000_000 }, (_, at) => (at < 1_000_000 ? 100 : 20_000))));
    let readBytes = 0;
    const source: ByteSource = {
      sizeBytes: file.byteLength,
      async read(start, length) {
        readBytes += length;
        return file.subarray(start, start + length);
      },
    };

    const { peaks } = await wavePeaks(source);

    expect(readBytes).toBeLessThan(1.2 * 1_048_576);
    expect([peaks[0], peaks.at(-1)]).toEqual([0.005, 1]);
    expect(peaks.filter((peak) => peak === 0)).toEqual([]);
  });
});
