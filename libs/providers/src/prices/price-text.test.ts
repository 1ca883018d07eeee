import { describe, expect, it } from 'vitest';
import type { ProviderModel } from '../provider.ts';
import { documentedEndpoints, publicInputSchema } from '../runpod/public-inputs.ts';
import { parsePrice, quotePrice, rateOf, toPrice, toRatedPrice } from './price-text.ts';

function quote(text: string, input: Record<string, unknown>) {
  // as: a quote reads the price alone.
  return quotePrice({ price: toPrice(text) } as ProviderModel, input);
}

describe('a quote by the price of the catalogue', () => {
  it('is exact by the megapixel, as the documentation calculates it', () => {
    const quoted = quote('$0.02 per megapixel', { width: 1_024, height: 1_024 });

    expect(quoted).toMatchObject({ min: 0.02097152, max: 0.02097152, exact: true, basis: 'per_image' });
  });

  it.each([
    ['$0.025/image', {}, { min: 0.025, max: 0.025, exact: true }],
    ['$0.14–$0.24 per image', {}, { min: 0.14, max: 0.24, exact: false }],
    ['$0.112/second', { duration: 5 }, { min: 0.56, max: 0.56, exact: false }],
    ['$0.05/1K chars', { prompt: 'x'.repeat(500) }, { min: 0.025, max: 0.025, exact: true }],
    ['$10.00/1M tokens', { prompt: 'abc', max_tokens: 1_000 }, { min: 0, exact: false }],
    ['$0.50-$2.25 per video', {}, { min: 0.5, max: 2.25, exact: false }],
  ])('reads %s', (text, input, expected) => {
    expect(quote(text, input)).toMatchObject(expected);
  });

  it.each([
    'From $1.20 (720p/4s)',
    '$0.21–$0.63+ per video',
    '$4.00–$15.00 per 1M output tokens, $0.95–$3.00 per 1M input tokens',
    'free',
    '',
  ])('is unknown where the price is not plain: %s', (text) => {
    expect(quote(text, {})).toMatchObject({ basis: 'unknown', exact: false });
  });
});

describe('a quote counts how many, how large and how long', () => {
  function quoteBy(price: ProviderModel['price'], input: Record<string, unknown>, properties = {}) {
    return quotePrice({ price, inputSchema: { type: 'object', properties } }, input);
  }
  const perImage = toPrice('$0.04 per image');
  const perSecond = toPrice('$0.1 per second');
  const whole = toRatedPrice({ min: 0.025, max: 0.025, unit: 'megapixel', per: 1, isWhole: true }, 'USD');

  it.each(['num_images', 'num_outputs', 'numberResults', 'n', 'batch_size', 'number-of-images'])(
    'by %s',
    (name) => {
      const four = { min: 0.16, max: 0.16, exact: true, unpriced_inputs: [] };

      expect(quoteBy(perImage, { [name]: 4 })).toMatchObject(four);
      expect(quoteBy(perImage, { [name]: '4' })).toMatchObject(four);
    },
  );

  it('by a default of the schema, and within its bounds where there is none', () => {
    expect(quoteBy(perImage, {}, { num_images: { default: 2 } })).toMatchObject({ max: 0.08, exact: true });
    expect(quoteBy(perImage, {}, { num_images: { maximum: 4 } })).toMatchObject({
      min: 0.04,
      max: 0.16,
      exact: false,
      unpriced_inputs: ['num_images'],
    });
    expect(quoteBy(perImage, { num_images: 'some' })).not.toHaveProperty('max');
  });

  it('by batches of several, and up to as many as may come', () => {
    expect(quoteBy(perImage, { num_images: 2, batch_size: 3 })).toMatchObject({ min: 0.24, max: 0.24 });
    expect(quoteBy(perImage, { max_images: 5 })).toMatchObject({ min: 0.04, max: 0.2, exact: false });
  });

  it.each([
    [{ width: 2_048, height: 2_048 }, 0.1, 0.125],
    [{ width: '2048', height: '2048' }, 0.1, 0.125],
    [{ image_size: { width: 2_048, height: 2_048 } }, 0.1, 0.125],
    [{ image_size: 'landscape_4_3' }, 0.025, 0.025],
    [{ image_size: 'landscape_4_3', num_images: 4 }, 0.1, 0.1],
    [{ size: '1536x1024' }, 0.05, 0.05],
    [{ megapixels: '2' }, 0.05, 0.075],
  ])('by the whole megapixels of %j', (input, min, max) => {
    expect(quoteBy(whole, input)).toMatchObject({ min, max, exact: min === max });
  });

  it('by a resolution and a ratio, roughly', () => {
    const quoted = quoteBy(whole, { resolution: '4K', aspect_ratio: '16:9' });

    expect(quoted).toMatchObject({ exact: false, unpriced_inputs: ['resolution'] });
    expect(quoted.max).toBeGreaterThan(16.7 * 0.025);
  });

  it('and names what it cannot see, without a most', () => {
    const files = { image_url: { 'x-inferry-file': 'image' } };
    const blind = quoteBy(whole, { image_url: 'https://example.com/a.png' }, files);

    expect(blind).toMatchObject({ min: 0.025, exact: false, unpriced_inputs: ['image_url'] });
    expect(blind).not.toHaveProperty('max');
    expect(quoteBy(perImage, { quality: 'high' }, { quality: { default: 'low' } })).toMatchObject({
      min: 0.04,
      exact: false,
      unpriced_inputs: ['quality'],
    });
    expect(quoteBy(perImage, { quality: 'low' }, { quality: { default: 'low' } })).toMatchObject({
      exact: true,
    });
  });

  it.each([
    [{ duration: 10 }, 1],
    [{ duration: '10' }, 1],
    [{ duration: '10s' }, 1],
    [{ seconds: '4', n: 2 }, 0.8],
    [{ num_frames: 48, fps: 24 }, 0.2],
    [{ music_length_ms: 30_000 }, 3],
  ])('by the seconds of %j', (input, max) => {
    expect(quoteBy(perSecond, input)).toMatchObject({ min: max, max });
  });

  it('by the length that a platform lets it have at the most', () => {
    const quoted = quoteBy(perSecond, {}, { duration: { minimum: 2, maximum: 10 } });

    expect(quoted).toMatchObject({ min: 0.2, max: 1, exact: false, unpriced_inputs: ['duration'] });
  });

  it.each(['text', 'prompt', 'input', 'script'])('by the characters of %s', (name) => {
    expect(quoteBy(toPrice('$0.1 per 1000 characters'), { [name]: 'x'.repeat(500) })).toMatchObject({
      min: 0.05,
      max: 0.05,
      exact: true,
    });
  });

  it('by tokens at prices with an exponent', () => {
    const rate = rateOf(5e-7, 'tokens');
    if (rate === undefined) throw new Error('no rate');
    const price = toRatedPrice(rate, 'USD');

    expect(price.text).toBe('$0.0000005 per token');
    expect(quoteBy(price, { prompt: 'abc', max_tokens: '1000' }).max).toBeCloseTo(0.0005015, 7);
    expect(quote('$5e-7 per token', { prompt: 'abc', max_tokens: 1_000 }).max).toBeCloseTo(0.0005015, 7);
    expect(
      quoteBy(price, { prompt: 'abc', max_tokens: 1_000, images: ['https://a/b.png'] }),
    ).not.toHaveProperty('max');
  });

  it.each([
    ['0.04 EUR per image', 'EUR', 0.04],
    ['€0,04 per image', 'EUR', 0.04],
    ['$1,250 per video', 'USD', 1_250],
    ['4 ¢ / image', 'USD', 0.04],
    ['$0.05 per second of video', 'USD', 0.05],
    ['$0.05 per video second', 'USD', 0.05],
  ])('reads %s', (text, currency, min) => {
    expect(parsePrice(text)).toMatchObject({ currency, min, per: 1 });
  });

  it.each([
    '$0.001 per compute second',
    '$0.01 per input megapixel',
    '$1 per image, $2 per video',
    'up to $3 per run',
  ])('does not pretend to know by %s', (text) => {
    expect(quote(text, { duration: 5, width: 1, height: 1 })).toMatchObject({ basis: 'unknown' });
  });
});

describe('inputs of public endpoints', () => {
  it.each(documentedEndpoints())('of %s are a schema', (id) => {
    const schema = publicInputSchema(id);

    expect(schema).toMatchObject({ type: 'object', required: expect.any(Array) });
    expect(JSON.stringify(schema)).not.toContain('NaN');
  });
});
