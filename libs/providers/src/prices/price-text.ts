import type { JsonObject, Quote } from '@inferry/contracts';
import type { ProviderModel } from '../provider.ts';

interface Price {
  min: number;
  max: number;
  unit: 'megapixel' | 'image' | 'second' | 'characters' | 'tokens' | 'run';
  /** How many of the unit the amount is for. */
  per: number;
}

const unknownQuote: Quote = { currency: 'USD', exact: false, unpriced_inputs: [], basis: 'unknown' };
const bases: Readonly<Record<Price['unit'], Quote['basis']>> = {
  megapixel: 'per_image',
  image: 'per_image',
  second: 'per_second',
  characters: 'per_request',
  tokens: 'per_request',
  run: 'per_request',
};

/** A price as a platform's catalogue tells it: words, made for people. `where` is shown when it tells none. */
export function toPrice(
  text: string | undefined,
  where = 'not told; see the console of the platform',
): ProviderModel['price'] {
  if (text === undefined || text.trim() === '') return { text: where, currency: 'USD', basis: 'unknown' };
  const price = parsePrice(text);
  const shown = text.replace(/\s+/g, ' ').trim().slice(0, 120);
  if (price === undefined) return { text: shown, currency: 'USD', basis: 'unknown' };
  const hasAmount = price.min === price.max && price.per === 1;
  return { text: shown, currency: 'USD', basis: bases[price.unit], ...(hasAmount && { amount: price.min }) };
}

/** `$0.02 per megapixel`, `$0.14–$0.24 per image`, `$0.05/1K chars`. Undefined for words that fit none of these. */
export function parsePrice(text: string): Price | undefined {
  const amounts = [...text.matchAll(/\$\s?(\d+(?:\.\d+)?)/g)].map(([, amount]) => Number(amount));
  const unit = readUnit(text);
  if (amounts.length === 0 || amounts.length > 2 || unit === undefined) return undefined;
  // An open end is no range.
  if (/\+|\bfrom\b/i.test(text)) return undefined;
  return { min: Math.min(...amounts), max: Math.max(...amounts), ...unit };
}

function readUnit(text: string): Pick<Price, 'unit' | 'per'> | undefined {
  const words = /(?:per|\/)\s*(?:(\d+(?:\.\d+)?)\s*([km])?\s+)?([a-z]+)/i.exec(text);
  if (words === null) return undefined;
  const [, count = '1', scale = '', name = ''] = words;
  const per = Number(count) * ({ k: 1_000, m: 1_000_000 }[scale.toLowerCase()] ?? 1);
  if (/^(megapixel|mp)/i.test(name)) return { unit: 'megapixel', per };
  if (/^image/i.test(name)) return { unit: 'image', per };
  if (/^(second|sec|s$)/i.test(name)) return { unit: 'second', per };
  if (/^char/i.test(name)) return { unit: 'characters', per };
  if (/^token/i.test(name)) return { unit: 'tokens', per };
  return /^(video|request|run|generation)/i.test(name) ? { unit: 'run', per } : undefined;
}

/** What a run costs by the price's unit. Exact only where the input has all that the formula needs. */
export function quotePrice(model: ProviderModel, input: JsonObject): Quote {
  const price = model.price.currency === 'USD' ? parsePrice(model.price.text) : undefined;
  if (price === undefined) return unknownQuote;
  const basis = bases[price.unit];
  const of = (units: number, exact: boolean): Quote => ({
    currency: 'USD',
    min: round((price.min * units) / price.per),
    max: round((price.max * units) / price.per),
    exact: exact && price.min === price.max,
    unpriced_inputs: [],
    basis,
  });
  const number = (name: string): number | undefined =>
    typeof input[name] === 'number' ? input[name] : undefined;
  switch (price.unit) {
    case 'megapixel': {
      const [width, height] = [number('width') ?? 1_024, number('height') ?? 1_024];
      return of((width * height) / 1_000_000, true);
    }
    case 'image':
    case 'run':
      return of(1, true);
    case 'second': {
      const seconds = number('duration');
      return seconds === undefined
        ? { ...unknownQuote, unpriced_inputs: ['duration'], basis }
        : of(seconds, false);
    }
    case 'characters':
      return typeof input.prompt === 'string' ? of(input.prompt.length, true) : unknownQuote;
    case 'tokens':
      return quoteTokens(input, of);
  }
}

/** At most what `max_tokens` allows, and a token for every three characters that go in. */
function quoteTokens(input: JsonObject, of: (units: number, exact: boolean) => Quote): Quote {
  const sampling = input.sampling_params;
  // as: read by name and checked by type.
  const nested =
    typeof sampling === 'object' && sampling !== null ? (sampling as JsonObject).max_tokens : undefined;
  const limit = [input.max_tokens, nested].find((value) => typeof value === 'number');
  if (limit === undefined) return unknownQuote;
  const said = JSON.stringify(input.prompt ?? input.messages ?? '').length / 3;
  return { ...of(said + Number(limit), false), min: 0 };
}

function round(amount: number): number {
  return Math.round(amount * 1e8) / 1e8;
}
