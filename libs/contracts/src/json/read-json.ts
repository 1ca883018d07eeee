// Reads JSON that strangers wrote: bounded before the engine sees it, and without changing a digit of a whole number.

export interface ReadJsonOptions {
  /** Levels of objects and lists. Default 200. */
  maxDepth?: number;
  /** Values of every kind. Default 1.5 million. */
  maxValues?: number;
  /**
   * What a whole number beyond 2^53 becomes. `text`: its digits, as for an identifier; `exact`: an `ExactInteger`, which
   * `writeJson` writes as the number it was; `number`: the nearest double, as for a bound of a schema. Default `text`.
   */
  integers?: 'text' | 'exact' | 'number';
  /** Whether `NaN` and `Infinity`, which Python writes, are read as null. Default false. */
  isLenient?: boolean;
}

/** JSON that is too deep or too much to be read. */
export class JsonTooLarge extends Error {
  override readonly name = 'JsonTooLarge';
}

/** A whole number that a double cannot hold, as it travels through JSON: `{"$integer": "9007199254740993"}`. */
export interface ExactInteger {
  $integer: string;
}

interface Edit {
  from: number;
  to: number;
  text: string;
}

const backslash = 92;
/** The shortest whole number that may be beyond 2^53. */
const suspectDigits = 16;

/** Throws `SyntaxError` for what is not JSON, `JsonTooLarge` for what is beyond the bounds. Its time is linear. */
export function readJson(text: string, options: ReadJsonOptions = {}): unknown {
  const plain = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const edits = scan(plain, options);
  return JSON.parse(edits.length === 0 ? plain : edited(plain, edits));
}

/** `JSON.stringify`, with every `ExactInteger` as the number that it stands for. */
export function writeJson(value: unknown): string {
  const text = JSON.stringify(value);
  // Within a text the quotes would be escaped, so that only objects of exactly this form are met.
  return text?.includes('{"$integer":"') ? text.replace(/\{"\$integer":"(-?\d{16,100})"\}/g, '$1') : text;
}

/** JSON with every `ExactInteger` as the text of its digits: what clients are shown, of whom few can hold the number. */
export function withDigitsAsText(json: string): string {
  return json.replace(/\{"\$integer":("-?\d{16,100}")\}/g, '$1');
}

export function isExactInteger(value: unknown): value is ExactInteger {
  if (typeof value !== 'object' || value === null || !('$integer' in value)) return false;
  return typeof value.$integer === 'string' && /^-?\d{16,100}$/.test(value.$integer);
}

/** The digits of a text that a double would change; undefined for any other text. */
export function exactDigits(text: string): string | undefined {
  const digits = text.trim();
  if (!/^-?\d{16,100}$/.test(digits)) return undefined;
  const plain = BigInt(digits).toString();
  return String(BigInt(Number(plain))) === plain && Number.isSafeInteger(Number(plain)) ? undefined : plain;
}

interface Scan extends Required<ReadJsonOptions> {
  text: string;
  edits: Edit[];
  depth: number;
  values: number;
}

/** One walk over the text: counts what there is, and finds what is to be written differently. */
function scan(text: string, options: ReadJsonOptions): Edit[] {
  const defaults = { maxDepth: 200, maxValues: 1_500_000, integers: 'text', isLenient: false } as const;
  const state: Scan = { ...defaults, ...options, text, edits: [], depth: 0, values: 1 };
  for (let at = 0; at < text.length; at++) at = step(state, at);
  return state.edits;
}

/** Looks at what begins here; returns its last character. */
function step(state: Scan, at: number): number {
  switch (state.text.charCodeAt(at)) {
    case 34: // a quotation mark
      return endOfText(state.text, at + 1);
    case 44: // a comma
      count(state);
      return at;
    case 91: // brackets and braces
    case 123:
      state.depth += 1;
      if (state.depth > state.maxDepth)
        throw new JsonTooLarge(`is nested deeper than ${state.maxDepth} levels`);
      count(state);
      return at;
    case 93:
    case 125:
      state.depth -= 1;
      return at;
    case 73: // `Infinity` and `NaN`
    case 78:
      return state.isLenient ? addNothing(state.edits, state.text, at) : at;
    default:
      return isNumberPart(state.text.charCodeAt(at)) ? takeNumber(state, at) : at;
  }
}

function count(state: Scan): void {
  state.values += 1;
  if (state.values > state.maxValues) throw new JsonTooLarge(`holds more than ${state.maxValues} values`);
}

/** `-Infinity` begins like a number. */
function takeNumber({ text, edits, integers }: Scan, from: number): number {
  const to = endOfNumber(text, from + 1);
  if (to - from >= suspectDigits && integers !== 'number') addInteger(edits, { text, from, to, integers });
  return to - 1;
}

/** Where the text that begins here ends: at its closing quote, found without looking at each character. */
function endOfText(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (at - 1 - escapes >= from && text.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

function isNumberPart(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 45;
}

/** `.`, `+`, `-`, digits, `e` and `E`: what JSON has in a number; whether it is one, the engine says. */
function endOfNumber(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (!isNumberPart(code) && code !== 46 && code !== 43 && code !== 69 && code !== 101) break;
  }
  return at;
}

function addInteger(
  edits: Edit[],
  { text, from, to, integers }: { text: string; from: number; to: number; integers: 'text' | 'exact' },
): void {
  const digits = text.slice(from, to);
  if (exactDigits(digits) === undefined) return;
  edits.push({ from, to, text: integers === 'text' ? `"${digits}"` : `{"$integer":"${digits}"}` });
}

/** Returns where the word ends. */
function addNothing(edits: Edit[], text: string, at: number): number {
  const word = ['NaN', 'Infinity'].find((name) => text.startsWith(name, at));
  if (word === undefined) return at;
  const from = text.charCodeAt(at - 1) === 45 ? at - 1 : at;
  edits.push({ from, to: at + word.length, text: 'null' });
  return at + word.length - 1;
}

function edited(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { from, to, text: instead } of edits) {
    parts.push(text.slice(done, from), instead);
    done = to;
  }
  parts.push(text.slice(done));
  return parts.join('');
}
