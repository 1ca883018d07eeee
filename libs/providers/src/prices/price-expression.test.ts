import { describe, expect, it } from 'vitest';
import { readPriceExpression } from './price-expression.ts';
import { quotePrice } from './price-text.ts';

const kinds = { currency: 'USD', basis: 'per_request' as const };
const number = (bounds: object = {}) => ({ type: 'number', ...bounds });

function quote(source: string, input: Record<string, unknown> = {}, properties: object = {}) {
  const model = { ...kinds, inputSchema: { type: 'object', properties } };
  return readPriceExpression(source).quote(model, input);
}

describe('a price by an expression of the input', () => {
  it.each([
    ['0.02', {}, 0.02],
    ['1 + 2 * 3 - 4 / 2', {}, 5],
    ['(1 + 2) * 3', {}, 9],
    ['0.01 * images', { num_images: 4 }, 0.04],
    ['0.02 * images * ceil(megapixels)', { width: 1_024, height: 1_024, num_images: 2 }, 0.08],
    ['0.05 * seconds', { duration: '8' }, 0.4],
    ['0.36 * hours', { duration: 1_800 }, 0.18],
    ['0.00001 * characters', { text: 'a'.repeat(500) }, 0.005],
    ['resolution == "4k" ? 0.4 : resolution == "2k" ? 0.2 : 0.1', { resolution: '2K' }, 0.2],
    ['0.1 * (input.quality == "high" && steps >= 30 ? 2 : 1)', { quality: 'high', steps: 30 }, 0.2],
    ['0.1 + (audio ? 0.05 : 0)', { audio: true }, 0.15],
    ['!audio || steps < 3 ? 1 : 2', { audio: true, steps: 5 }, 2],
    ['0.01 * max(1, min(num_frames, 24), 3)', { numFrames: 100 }, 0.24],
    ['0.01 * references', { references: ['a', 'b', 'c'] }, 0.03],
    ['-1 + 0.5', {}, 0],
  ])('%s of %j is exactly %d', (source, input, amount) => {
    expect(quote(source, input)).toEqual({
      ...kinds,
      ...{ min: amount, max: amount, exact: true, unpriced_inputs: [] },
    });
  });

  it('is from to where what is not known has bounds, and names it', () => {
    const properties = { steps: number({ minimum: 10, maximum: 50 }) };

    expect(quote('0.01 * steps', {}, properties)).toMatchObject({
      ...{ min: 0.1, max: 0.5, exact: false, unpriced_inputs: ['steps'] },
    });
    expect(quote('steps > 5 ? 1 : 2', {}, properties)).toMatchObject({ min: 1, max: 1 });
    expect(quote('1 - 0.01 * steps', {}, properties)).toMatchObject({ min: 0.5, max: 0.9 });
  });

  it('is a floor where nothing bounds it from above, and unknown where nothing does at all', () => {
    expect(quote('0.1 + 0.01 * seconds', {}, { video: { 'x-inferry-file': 'video' } })).toEqual({
      ...kinds,
      ...{ min: 0.1, exact: false, unpriced_inputs: ['video'] },
    });
    expect(quote('0.01 * strength')).toMatchObject({ exact: false, unpriced_inputs: ['strength'] });
    expect(quote('0.01 * strength')).not.toHaveProperty('max');
    expect(quote('1 / strength')).toMatchObject({ basis: 'unknown' });
    expect(quote('"many"')).toMatchObject({ basis: 'unknown' });
  });

  it('is of both branches where nobody can tell which it is', () => {
    expect(quote('tier == "pro" ? 0.4 : 0.1')).toMatchObject({
      min: 0.1,
      max: 0.4,
      unpriced_inputs: ['tier'],
    });
  });

  it('counts a default as given', () => {
    expect(quote('0.01 * steps', {}, { steps: number({ default: 20 }) })).toMatchObject({
      max: 0.2,
      exact: true,
    });
  });

  it.each([
    ['', 'ends too soon at character 1'],
    ['1 +', 'ends too soon at character 4'],
    ['1 2', 'cannot have 2 at character 3'],
    ['(1', 'lacks ) at character 3'],
    ['1 ? 2', 'lacks : at character 6'],
    ['process.exit(1)', 'knows no process.exit()'],
    ['constructor("x")', 'knows no constructor()'],
    ['ceil(1, 2)', 'gives ceil() 2 values at character 1'],
    ['a = 1', 'cannot be read at character 2'],
    ['`x`', 'cannot be read at character 1'],
    ['[1]', 'cannot be read at character 1'],
    ['"open', 'cannot be read at character 1'],
    [`${'('.repeat(40)}1${')'.repeat(40)}`, 'is too deep'],
    [`1${'+1'.repeat(300)}`, 'has too many parts'],
    [`${'-'.repeat(100)}1`, 'is too deep'],
    ['1'.repeat(1_001), 'is too long'],
  ])('refuses %s', (source, why) => {
    expect(() => readPriceExpression(source)).toThrow(why);
  });

  it('knows nothing of objects: a name is a field of the input or nothing', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'globalThis', 'hasOwnProperty'])
      expect(quote(`0.1 * ${name}`)).toMatchObject({ exact: false });
  });

  it('never has a most below what any value of an unknown input costs', () => {
    const sources = [
      '0.1 + 0.02 * a - 0.01 * b',
      'a > b ? a * 2 : b - a',
      'max(a, b) * min(a, 5) + ceil(a / 4)',
      '(a - b) * (a + b) / 3',
      'a == 3 || b > 7 ? a : b * a',
      'round(a) - floor(b) + (a <= b && a >= 1 ? 10 : -a)',
    ];
    const bounds = { minimum: 0, maximum: 10 };
    const properties = { a: number(bounds), b: number(bounds) };
    const values = Array.from({ length: 41 }, (_, step) => step / 4);

    const wrong = sources.flatMap((source) => {
      const open = quote(source, {}, properties);
      const [least, most] = [(open.min ?? 0) - 1e-6, (open.max ?? Number.POSITIVE_INFINITY) + 1e-6];
      return values.flatMap((a) =>
        values.flatMap((b) => {
          const { min = -1, max = Number.POSITIVE_INFINITY } = quote(source, { a, b }, properties);
          return min >= least && max <= most ? [] : [`${source} of ${a}, ${b}: ${min} to ${max}`];
        }),
      );
    });

    expect(wrong).toEqual([]);
  });

  it('decides alone where a model has one', () => {
    const price = { text: '$5 per image', ...kinds, expression: '0.5 * images' };

    expect(quotePrice({ price, inputSchema: {} }, { num_images: 2 })).toMatchObject({ max: 1, exact: true });
  });
});
