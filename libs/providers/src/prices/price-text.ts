/** Prices as platforms tell them, in words or as a rate, and what an input costs by them. */
import type { JsonObject, Quote } from '@inferry/contracts';
import type { PriceRate, PriceUnit, ProviderModel } from '../provider.ts';
import {
  type Billed,
  charactersIn,
  countIn,
  durationFields,
  moverFields,
  PricedInput,
  pixelsIn,
  secondsIn,
  sizeFields,
  tokensIn,
} from './billed-units.ts';
import { readPriceExpression } from './price-expression.ts';

const bases: Readonly<Record<PriceUnit, Quote['basis']>> = {
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
  const shown = text.replace(/\s+/g, ' ').trim().slice(0, 120);
  const price = parsePrice(text);
  if (price === undefined) return { text: shown, currency: 'USD', basis: 'unknown' };
  const { currency, ...rate } = price;
  return { ...toRatedPrice(rate, currency), text: shown };
}

/** A price that is told as a number and a unit, such as `5e-7` and `1000 characters`; undefined for other units. */
export function rateOf(amount: number, unit: string): PriceRate | undefined {
  const read = readUnit(`per ${unit}`);
  if (read === undefined || !Number.isFinite(amount) || amount < 0) return undefined;
  return { min: amount, max: amount, ...read };
}

export function toRatedPrice(rate: PriceRate, currency: string): ProviderModel['price'] {
  const { min, max, per, unit } = rate;
  const names: Readonly<Record<PriceUnit, string>> = { ...namesOfUnits, run: 'run' };
  const many = per === 1 ? names[unit].replace(/s$/, '') : `${per.toLocaleString('en-US')} ${names[unit]}`;
  const amount = min === max ? plainAmount(min) : `${plainAmount(min)} to ${plainAmount(max)}`;
  const text = `${currency === 'USD' ? '$' : ''}${amount}${currency === 'USD' ? '' : ` ${currency}`} per ${many}`;
  const hasAmount = min === max && per === 1;
  return { text, currency, basis: bases[unit], rate, ...(hasAmount && { amount: min }) };
}

const namesOfUnits = {
  megapixel: 'megapixels',
  image: 'images',
  second: 'seconds',
  characters: 'characters',
  tokens: 'tokens',
} as const;

/** Without an exponent, which people and patterns misread. */
export function plainAmount(amount: number): string {
  const text = String(amount);
  return text.includes('e') ? amount.toFixed(15).replace(/\.?0+$/, '') : text;
}

const symbols: Readonly<Record<string, string>> = { $: 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY' };
const number = String.raw`\d[\d,]{0,14}(?:\.\d{1,15})?(?:e[+-]?\d{1,2})?`;
const amounts = new RegExp(
  String.raw`([$€£¥])\s?(${number})|(?<![\w.])(${number})\s?(USD|EUR|GBP|JPY|CNY|¢)(?![\w])`,
  'gi',
);

/** `$0.02 per megapixel`, `$0.14–$0.24 per image`, `0.05 EUR/1K chars`. Undefined for words that fit none of these. */
export function parsePrice(text: string): (PriceRate & { currency: string }) | undefined {
  const found = [...text.matchAll(amounts)].map(([, symbol, after, before, code]) => ({
    currency: symbols[symbol ?? ''] ?? (code === '¢' ? 'USD' : (code ?? '').toUpperCase()),
    amount: toAmount(after ?? before ?? '') / (code === '¢' ? 100 : 1),
  }));
  const unit = readUnit(text);
  const [first] = found;
  if (first === undefined || found.length > 2 || unit === undefined) return undefined;
  // An open end is no range.
  if (/(?<!e)\+|\bfrom\b|\bstarting\b|\bup to\b/i.test(text)) return undefined;
  const values = found.map(({ amount }) => amount);
  const isOne = found.every(({ currency, amount }) => currency === first.currency && Number.isFinite(amount));
  return isOne
    ? { min: Math.min(...values), max: Math.max(...values), ...unit, currency: first.currency }
    : undefined;
}

/** `1,000` is a thousand; `0,05` is what some countries write for 0.05. */
function toAmount(digits: string): number {
  if (/^\d{1,3}(,\d{3})+(\.|e|$)/i.test(digits)) return Number(digits.replaceAll(',', ''));
  return Number(digits.replace(',', '.'));
}

const units: readonly [RegExp, Pick<PriceRate, 'unit' | 'per'>][] = [
  [/^(megapixels?|mps?)$/, { unit: 'megapixel', per: 1 }],
  [/^seconds?$|^secs?$|^s$/, { unit: 'second', per: 1 }],
  [/^minutes?$|^mins?$/, { unit: 'second', per: 60 }],
  [/^hours?$/, { unit: 'second', per: 3_600 }],
  [/^char(acter)?s?$/, { unit: 'characters', per: 1 }],
  [/^tokens?$/, { unit: 'tokens', per: 1 }],
  [/^(images?|pictures?)$/, { unit: 'image', per: 1 }],
  [
    /^(videos?|requests?|runs?|generations?|calls?|predictions?|songs?|tracks?|outputs?)$/,
    { unit: 'run', per: 1 },
  ],
];
/** Time of a machine, and what goes in: no input tells how much of it there will be. */
const unforeseeable =
  /\b(compute|gpu|cpu|worker|machine|runtime|processing|processed|input|h100|a100|l40s?)\b/i;
const scales: Readonly<Record<string, number>> = { k: 1_000, thousand: 1_000, m: 1e6, million: 1e6 };

function readUnit(text: string): Pick<PriceRate, 'unit' | 'per'> | undefined {
  const told = [
    ...text.matchAll(
      /(?:\bper\b|\/|\beach\b)\s*(?:(\d[\d,]{0,11})\s*)?(?:(k|m|thousand|million)\b\s*)?([a-z]+(?:[ -][a-z]+){0,2})/gi,
    ),
  ];
  const [only] = told;
  // Two units are two prices.
  if (only === undefined || told.length > 1) return undefined;
  const [, many = '1', scale = '', phrase = ''] = only;
  if (unforeseeable.test(phrase)) return undefined;
  const words = phrase.toLowerCase().split(/[ -]/);
  const found = words
    .slice(0, words.includes('of') ? words.indexOf('of') : 2)
    .flatMap((word) => units.find(([name]) => name.test(word))?.[1] ?? []);
  // `per video second`: the last one is the unit.
  const unit = found.at(-1);
  const times = Number(many.replaceAll(',', '')) * (scales[scale.toLowerCase()] ?? 1);
  return unit === undefined || times === 0 ? undefined : { unit: unit.unit, per: unit.per * times };
}

/**
 * What a run costs by the price's rate: how many times how much. Exact only where the input has all that the price
 * depends on; what it depends on and cannot be seen is named, and then there is a most only where something bounds it.
 */
export function quotePrice(model: Pick<ProviderModel, 'price' | 'inputSchema'>, input: JsonObject): Quote {
  const { price, inputSchema } = model;
  if (price.expression !== undefined)
    return readPriceExpression(price.expression).quote({ ...price, inputSchema }, input);
  const words = price.rate === undefined ? parsePrice(price.text) : undefined;
  const told = price.rate ?? words;
  const unknown: Quote = { currency: price.currency, exact: false, unpriced_inputs: [], basis: 'unknown' };
  if (told === undefined) return unknown;
  const read = new PricedInput(input, inputSchema);
  const { amount, isExact } = amountBy(told, read);
  const unseen = [...new Set([...amount.unseen, ...moversBeside(told, read)])];
  const movers = read.changed(moverFields.filter((name) => !consumed[told.unit].includes(name)));
  // A range that the platform tells is over its own options.
  const isBound = movers.length === 0 || told.min !== told.max;
  const [least, most] = [round((told.min * amount.least) / told.per), amount.most];
  const isTold = amount.least > 0 || amount.most !== undefined;
  return {
    currency: words?.currency ?? price.currency,
    ...(isTold && { min: least }),
    ...(most !== undefined && isBound && { max: round((told.max * most) / told.per) }),
    exact: isExact && unseen.length === 0 && told.min === told.max && amount.least === most,
    unpriced_inputs: unseen,
    basis: bases[told.unit],
  };
}

/** Fields that a unit reads itself. */
const consumed: Readonly<Record<PriceUnit, readonly string[]>> = {
  megapixel: sizeFields,
  second: durationFields,
  image: [],
  characters: [],
  tokens: [],
  run: [],
};

/** What was asked for otherwise than usual and is in no part of this price. */
function moversBeside({ unit }: PriceRate, read: PricedInput): string[] {
  const all = [...moverFields, ...sizeFields.filter((name) => !name.endsWith('ratio')), ...durationFields];
  // A picture has no length, and words have no size.
  const isText = unit === 'characters' || unit === 'tokens';
  const names = isText ? [] : [...new Set(all)].filter((name) => !consumed[unit].includes(name));
  return read.changed(names);
}

/** How much of the price's unit, for all results together. */
function amountBy(rate: PriceRate, read: PricedInput): { amount: Billed; isExact: boolean } {
  const count = countIn(read);
  switch (rate.unit) {
    case 'image':
    case 'run':
      return { amount: count, isExact: true };
    case 'megapixel': {
      const pixels = pixelsIn(read);
      return {
        amount: multiply(count, rate.isWhole ? wholeMegapixels(pixels) : megapixels(pixels)),
        isExact: true,
      };
    }
    case 'second':
      // Platforms round lengths in ways of their own.
      return { amount: multiply(count, secondsIn(read)), isExact: false };
    case 'characters':
      return { amount: multiply(count, charactersIn(read)), isExact: true };
    case 'tokens':
      return { amount: tokensIn(read), isExact: false };
  }
}

function megapixels({ least, most, unseen }: Billed): Billed {
  return { least: least / 1e6, most: most === undefined ? undefined : most / 1e6, unseen };
}

/** Each result is billed by whole megapixels, and whether one has 1,000,000 or 1,048,576 pixels is not told. */
function wholeMegapixels({ least, most, unseen }: Billed): Billed {
  return {
    least: Math.max(1, Math.ceil(least / 1_048_576)),
    most: most === undefined ? undefined : Math.max(1, Math.ceil(most / 1e6)),
    unseen,
  };
}

function multiply(one: Billed, other: Billed): Billed {
  const isBound = one.most !== undefined && other.most !== undefined;
  return {
    least: one.least * other.least,
    most: isBound ? (one.most ?? 0) * (other.most ?? 0) : undefined,
    unseen: [...one.unseen, ...other.unseen],
  };
}

function round(amount: number): number {
  return Math.round(amount * 1e8) / 1e8;
}
