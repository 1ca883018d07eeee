import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contrast, inkOn, parseColour, type Rgb, readableOn, toHex } from './colours.ts';

const byte = fc.integer({ min: 0, max: 255 });
const colour = fc.tuple(byte, byte, byte);

describe('colours', () => {
  it('reads both forms of a hexadecimal colour and nothing else', () => {
    expect([parseColour('#f0A'), parseColour('#4338ca'), parseColour('red;}'), parseColour('#12')]).toEqual([
      [255, 0, 170],
      [67, 56, 202],
      undefined,
      undefined,
    ]);
  });

  it('writes back what it read', () => {
    fc.assert(
      fc.property(colour, (any) => {
        expect(parseColour(toHex(any))).toEqual(any);
      }),
    );
  });

  it('makes any brand colour readable on the backgrounds of both schemes', () => {
    const schemes: Rgb[][] = [
      [
        [255, 255, 255],
        [250, 250, 249],
      ],
      [
        [19, 18, 17],
        [28, 27, 26],
      ],
    ];

    fc.assert(
      fc.property(colour, fc.constantFrom(...schemes), (any, backgrounds) => {
        const readable = readableOn(any, backgrounds, 4.5);
        expect(Math.min(...backgrounds.map((one) => contrast(readable, one)))).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });

  it('finds an ink that reads on any brand colour', () => {
    fc.assert(
      fc.property(colour, (any) => {
        expect(contrast(any, inkOn(any))).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });
});
