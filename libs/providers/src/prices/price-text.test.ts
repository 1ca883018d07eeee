import { describe, expect, it } from 'vitest';
import type { ProviderModel } from '../provider.ts';
import { documentedEndpoints, publicInputSchema } from '../runpod/public-inputs.ts';
import { quotePrice, toPrice } from './price-text.ts';

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

describe('inputs of public endpoints', () => {
  it.each(documentedEndpoints())('of %s are a schema', (id) => {
    const schema = publicInputSchema(id);

    expect(schema).toMatchObject({ type: 'object', required: expect.any(Array) });
    expect(JSON.stringify(schema)).not.toContain('NaN');
  });
});
