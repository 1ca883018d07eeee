import { expect, it } from 'vitest';
import { resample } from './resample.ts';

it.each([
  [8000, 48_000],
  [16_000, 48_000],
  [44_100, 48_000],
  [96_000, 48_000],
])('keeps a tone when it goes from %d Hz to %d Hz', (from, to) => {
  const result = resample(tone(1000, from), from, to);

  const expected = tone(1000, to);
  expect(result.length).toBe(expected.length);
  expect(worst(result, expected)).toBeLessThan(0.005);
});

it('takes out a tone that the lower rate cannot hold', () => {
  const result = resample(tone(40_000, 96_000), 96_000, 48_000);

  expect(Math.max(...inner(result).map(Math.abs))).toBeLessThan(0.01);
});

it('gives the same samples back when the rate is right already', () => {
  const samples = tone(440, 48_000);

  expect(resample(samples, 48_000, 48_000)).toBe(samples);
});

/** A tenth of a second. */
function tone(frequency: number, rate: number): Float32Array {
  return Float32Array.from({ length: rate / 10 }, (_, index) =>
    Math.sin((2 * Math.PI * frequency * index) / rate),
  );
}

/** Without the ends, where the filter sees the silence before and after. */
function inner(samples: Float32Array): Float32Array {
  return samples.subarray(300, -300);
}

function worst(a: Float32Array, b: Float32Array): number {
  return Math.max(...inner(b).map((sample, index) => Math.abs(sample - (inner(a)[index] ?? Number.NaN))));
}
