/** Signed quotes: a price that was told for one input, which a run may be held to for a while. No replica keeps any. */

import {
  AppError,
  argumentOf,
  callOf,
  estimateCost,
  hint,
  type Quote,
  type QuoteKind,
  quoteKindOf,
  quoteKinds,
  runModel,
  type Secret,
} from '@inferry/contracts';
import { createMac, deriveSecret, isSameBytes } from '@inferry/seals';
import { canonical, fromMicros, toMicros } from './run-document.ts';

/** What a quote is about, as the catalog reads it: whoever writes the input otherwise asks about the same. */
export interface Quoted {
  model: string;
  wrapper?: string | undefined;
  input: unknown;
  quote: Quote;
}

/** What a run may cost by the quote that it names. */
export interface QuotedPrice {
  kind: QuoteKind;
  /** The most of an exact quote or a range, the least of a floor; undefined where nothing was known. */
  micros: number | undefined;
  expiresAt: number;
}

export interface Quotes {
  /** Undefined without a secret: then prices are told and nothing is held to them. */
  sign(subject: string, quoted: Quoted): { quote_id: string; expires_at: number } | undefined;
  /** Throws `quote_invalid` or `quote_expired`. */
  read(subject: string, quoteId: string, quoted: Quoted): QuotedPrice;
}

/** Of a secret that every replica of this service has: a deployment that lists its secrets one by one needs no other. */
export function quoteSecretOf(hooks: Secret): Secret {
  return deriveSecret(hooks, 'quotes');
}

const prefix = 'quote_';
/** Kind, expiry in seconds, millionths. */
const headBytes = 1 + 5 + 7;
const macBytes = 16;

/**
 * `quote_` and the base64url of kind, expiry, price and a code over those with subject, model, wrapper, input and currency:
 * short, because agents write it out, and good for whatever it was made for alone.
 */
export function createQuotes({
  secret,
  ttlMs,
  now,
}: {
  secret: Secret | undefined;
  ttlMs: number;
  now(): number;
}): Quotes {
  return {
    sign(subject, quoted) {
      if (secret === undefined) return undefined;
      const kind = quoteKindOf(quoted.quote);
      const expires = Math.ceil((now() + ttlMs) / 1_000);
      const head = Buffer.alloc(headBytes);
      head.writeUInt8(quoteKinds.indexOf(kind), 0);
      head.writeUIntBE(expires, 1, 5);
      writeWide(head, quotedAmount(quoted.quote) ?? 0, 6);
      const id = Buffer.concat([head, macOf(secret, head, { subject, quoted })]).toString('base64url');
      return { quote_id: prefix + id, expires_at: expires * 1_000 };
    },
    read(subject, quoteId, quoted) {
      const text = quoteId.startsWith(prefix) ? quoteId.slice(prefix.length) : '';
      const bytes = Buffer.from(text, 'base64url');
      const isWhole = bytes.byteLength === headBytes + macBytes && bytes.toString('base64url') === text;
      if (secret === undefined || !isWhole) throw invalid();
      const head = bytes.subarray(0, headBytes);
      const own = macOf(secret, head, { subject, quoted });
      if (!isSameBytes(own, bytes.subarray(headBytes))) throw invalid();
      const kind = quoteKinds[head.readUInt8(0)] ?? 'unknown';
      const expiresAt = head.readUIntBE(1, 5) * 1_000;
      if (expiresAt <= now()) throw expired(expiresAt);
      return { kind, micros: kind === 'unknown' ? undefined : readWide(head, 6), expiresAt };
    },
  };
}

/** Seven bytes: more than a buffer writes at once. */
function writeWide(buffer: Buffer, value: number, at: number): void {
  buffer.writeUIntBE(Math.floor(value / 2 ** 48), at, 1);
  buffer.writeUIntBE(value % 2 ** 48, at + 1, 6);
}

function readWide(buffer: Buffer, at: number): number {
  return buffer.readUIntBE(at, 1) * 2 ** 48 + buffer.readUIntBE(at + 1, 6);
}

/** The most that a quote says, or the least of a floor. */
export function quotedAmount({ max, min }: Pick<Quote, 'min' | 'max'>): number | undefined {
  const amount = max ?? min;
  return amount === undefined ? undefined : toMicros(amount);
}

function macOf(
  secret: Secret,
  head: Buffer,
  { subject, quoted }: { subject: string; quoted: Quoted },
): Buffer {
  const { model, wrapper = null, input, quote } = quoted;
  const about = canonical({ subject, model, wrapper, input, currency: quote.currency });
  return createMac(secret)('inferry quote 1\n', head, about).subarray(0, macBytes);
}

/** Throws `quote_exceeded` where the run would cost more now than its quote said, or nobody can tell that it does not. */
export function holdToQuote(price: QuotedPrice, quote: Quote): void {
  const { kind, micros = 0 } = price;
  const now = quotedAmount(quote) ?? 0;
  const isBound = kind === 'exact' || kind === 'range';
  const isKept = isBound
    ? quote.max !== undefined && now <= micros
    : kind === 'unknown' || leastOf(quote) <= micros;
  if (isKept) return;
  const told = quote.max === undefined ? 'is not known any more' : `may be ${quote.max} ${quote.currency}`;
  throw new AppError(
    'quote_exceeded',
    `The price was quoted at ${fromMicros(micros)} ${quote.currency}${isBound ? '' : ' or more'} and ${told} now. Nothing was run or charged.`,
    {
      nextAction: `Ask for a new quote${hint` with ${callOf(estimateCost)}`}.`,
      details: { quoted: fromMicros(micros), quote },
    },
  );
}

function leastOf({ min, max }: Quote): number {
  const least = min ?? max;
  return least === undefined ? 0 : toMicros(least);
}

function invalid(): AppError {
  return new AppError(
    'quote_invalid',
    `This ${argumentOf(runModel, 'quote_id')} is not of a quote for this caller, model and input. Nothing was run or charged.`,
    { nextAction: `Run what was quoted, or ask for a new quote${hint` with ${callOf(estimateCost)}`}.` },
  );
}

function expired(at: number): AppError {
  return new AppError(
    'quote_expired',
    `This quote was good until ${new Date(at).toISOString()}. Nothing was run or charged.`,
    { nextAction: `Ask for a new quote${hint` with ${callOf(estimateCost)}`}.` },
  );
}
