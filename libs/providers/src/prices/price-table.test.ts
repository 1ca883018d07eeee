import { describe, expect, it } from 'vitest';
import { quoteByTable } from './price-table.ts';

function quote(table: [string, number][], input: Record<string, unknown>, properties = {}) {
  const rows = table.map(([configuration, amount]) => ({ configuration, amount }));
  const price = { text: '', currency: 'USD', basis: 'per_request' as const, table: rows };
  return quoteByTable({ price, inputSchema: { type: 'object', properties } }, input);
}

const pictures: [string, number][] = [
  ['1024x1024', 0.0013],
  ['2048×2048', 0.005],
];
const films: [string, number][] = [
  ['5 s · 720p', 0.3],
  ['10 s · 720p', 0.6],
  ['10 s · 1080p', 1.2],
];

describe('a quote by a table of configurations', () => {
  it('is the row that the input is, as often as it is asked for', () => {
    expect(quote(pictures, { width: 2_048, height: 2_048, numberResults: 4 })).toEqual({
      currency: 'USD',
      min: 0.02,
      max: 0.02,
      exact: true,
      unpriced_inputs: [],
      basis: 'per_request',
    });
    expect(quote(films, { duration: 10, resolution: '720p' })).toMatchObject({
      min: 0.6,
      max: 0.6,
      exact: true,
    });
    expect(quote(films, { duration: '5', width: 1_280, height: 720 })).toMatchObject({
      max: 0.3,
      exact: true,
    });
  });

  it('is by the class of its size, in whatever shape, where the table has classes', () => {
    const classes: [string, number][] = [
      ['1k', 0.05],
      ['2K', 0.07],
    ];
    const exactly = (amount: number) => ({ min: amount, max: amount, exact: true });

    expect(quote(classes, { width: 2_752, height: 1_504 })).toMatchObject(exactly(0.07));
    expect(quote(classes, { width: 1_280, height: 704, numberResults: 2 })).toMatchObject(exactly(0.1));
    expect(quote(classes, { resolution: '2k' })).toMatchObject(exactly(0.07));
    expect(quote(classes, { width: 1_536, height: 1_536 })).toMatchObject({
      min: 0.05,
      max: 0.07,
      exact: false,
    });
    expect(quote(classes, { width: 4_096, height: 4_096 })).not.toHaveProperty('max');
  });

  it('lies between rows that are smaller and larger in everything', () => {
    expect(quote(pictures, { width: 1_536, height: 1_024 })).toEqual({
      currency: 'USD',
      min: 0.0013,
      max: 0.005,
      exact: false,
      unpriced_inputs: ['width', 'height'],
      basis: 'per_request',
    });
  });

  it('is a floor, and names why, beyond the table and without what it goes by', () => {
    const beyond = quote(pictures, { width: 4_096, height: 4_096, numberResults: 2 });
    const open = quote(pictures, {}, { width: {}, height: {} });

    expect(beyond).toMatchObject({ min: 0.01, exact: false, unpriced_inputs: ['width', 'height'] });
    expect(open).toMatchObject({ min: 0.0013, exact: false, unpriced_inputs: ['width', 'height'] });
    expect([beyond.max, open.max]).toEqual([undefined, undefined]);
  });

  it('knows no most beside what no row says', () => {
    const quoted = quote(pictures, { width: 1_024, height: 1_024, steps: 50, quality: 'high' });

    expect(quoted).toMatchObject({ min: 0.0013, exact: false, unpriced_inputs: ['quality', 'steps'] });
    expect(quoted).not.toHaveProperty('max');
  });

  it('does not go by rows whose words it cannot read, or in which more costs less', () => {
    expect(
      quote(
        [
          ['with sound', 0.4],
          ['5 s', 0.2],
        ],
        { duration: 4 },
      ).max,
    ).toBe(0.2);
    expect(
      quote(
        [
          ['1024x1024', 0.4],
          ['2048x2048', 0.2],
        ],
        { width: 512, height: 512 },
      ),
    ).not.toHaveProperty('max');
    expect(quote([['as it is', 0.4]], {})).toMatchObject({ min: 0.4, exact: false });
    expect(quote([], {})).toMatchObject({ basis: 'unknown', exact: false });
  });
});
