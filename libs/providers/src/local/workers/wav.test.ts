import { describe, expect, it } from 'vitest';
import { readWav, writeWav } from './wav.ts';

const wave = Float32Array.from({ length: 64 }, (_, index) => 0.8 * Math.sin(index / 5));

it('reads back what it writes, mono and stereo', () => {
  const quiet = wave.map((sample) => sample / 2);

  const sound = readWav(writeWav({ sampleRate: 22_050, channels: [wave, quiet] }));

  expect(sound.sampleRate).toBe(22_050);
  expect(difference(sound.channels[0], wave)).toBeLessThan(1e-4);
  expect(difference(sound.channels[1], quiet)).toBeLessThan(1e-4);
});

describe.each([
  { name: '8 bits', coding: 1, bits: 8, tolerance: 0.01 },
  { name: '16 bits', coding: 1, bits: 16, tolerance: 1e-4 },
  { name: '24 bits', coding: 1, bits: 24, tolerance: 1e-6 },
  { name: '32 bits', coding: 1, bits: 32, tolerance: 1e-7 },
  { name: '32 bits, float', coding: 3, bits: 32, tolerance: 1e-7 },
  { name: '64 bits, float', coding: 3, bits: 64, tolerance: 1e-7 },
])('a file with $name', ({ coding, bits, tolerance }) => {
  it('is read', () => {
    const { channels } = readWav(file({ coding, bits }));

    expect(difference(channels[0], wave)).toBeLessThan(tolerance);
  });

  it('is read when its header is extensible', () => {
    const { channels } = readWav(file({ coding, bits, isExtensible: true }));

    expect(difference(channels[0], wave)).toBeLessThan(tolerance);
  });
});

it('skips chunks that it does not know', () => {
  const bytes = file({ coding: 1, bits: 16, before: Buffer.from('LIST\x03\0\0\0abc\0', 'latin1') });

  expect(readWav(bytes).channels[0]).toHaveLength(64);
});

it('reads to the end of the file when the length of the data was left open', () => {
  const bytes = writeWav({ sampleRate: 8000, channels: [wave] });
  new DataView(bytes.buffer).setUint32(40, 0xffff_ffff, true);

  expect(readWav(bytes).channels[0]).toHaveLength(64);
});

it.each([
  ['no WAV file', new Uint8Array(100), 'no WAV file'],
  ['a file of two bytes', new Uint8Array(2), 'no WAV file'],
  ['a file that is cut off', writeWav({ sampleRate: 8000, channels: [wave] }).slice(0, 100), 'cut off'],
  [
    'a file that ends in its header',
    writeWav({ sampleRate: 8000, channels: [wave] }).slice(0, 30),
    'cut off',
  ],
  ['a file without samples', writeWav({ sampleRate: 8000, channels: [new Float32Array()] }), 'no samples'],
  ['three channels', writeWav({ sampleRate: 8000, channels: [wave, wave, wave] }), '3 channels'],
  ['a compressed file', file({ coding: 2, bits: 16 }), 'compressed'],
])('refuses %s', (_name, bytes, message) => {
  expect(() => readWav(bytes)).toThrow(message);
});

interface FileOptions {
  coding: number;
  bits: number;
  isExtensible?: boolean;
  before?: Buffer;
}

function file({ coding, bits, isExtensible = false, before = Buffer.alloc(0) }: FileOptions): Uint8Array {
  const blockAlign = bits / 8;
  const format = Buffer.alloc(isExtensible ? 40 : 16);
  format.writeUInt16LE(isExtensible ? 0xfffe : coding, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(16_000, 4);
  format.writeUInt32LE(16_000 * blockAlign, 8);
  format.writeUInt16LE(blockAlign, 12);
  format.writeUInt16LE(bits, 14);
  if (isExtensible) format.writeUInt16LE(coding, 24);
  const data = Buffer.alloc(wave.length * blockAlign);
  for (const [index, sample] of wave.entries()) {
    writeSample(data, { sample, at: index * blockAlign, coding, bits });
  }
  const body = Buffer.concat([Buffer.from('WAVE'), before, chunk('fmt ', format), chunk('data', data)]);
  return new Uint8Array(chunk('RIFF', body));
}

function writeSample(
  data: Buffer,
  { sample, at, coding, bits }: { sample: number; at: number; coding: number; bits: number },
) {
  if (coding === 3) {
    if (bits === 32) data.writeFloatLE(sample, at);
    else data.writeDoubleLE(sample, at);
  } else if (bits === 8) data.writeUInt8(Math.round(sample * 127) + 128, at);
  else data.writeIntLE(Math.round(sample * (2 ** (bits - 1) - 1)), at, bits / 8);
}

function chunk(name: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

function difference(a: Float32Array | undefined, b: Float32Array): number {
  return Math.max(...b.map((sample, index) => Math.abs(sample - (a?.[index] ?? Number.NaN))));
}
