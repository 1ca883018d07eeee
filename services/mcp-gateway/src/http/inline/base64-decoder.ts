/** Where decoded bytes go. */
export interface Output {
  bytes: Buffer;
  length: number;
}

export type Base64Problem = 'not_base64' | 'not_a_data_uri' | 'file_too_large';

const whitespace = -2;
const padding = -3;
const foreign = -1;
const space = 0x20;

const meanings = new Int8Array(256).fill(foreign);
for (const [value, digit] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  meanings[digit.charCodeAt(0)] = value;
}
// URL-safe digits are taken as well (RFC 4648, section 5).
meanings['-'.charCodeAt(0)] = 62;
meanings['_'.charCodeAt(0)] = 63;
meanings['='.charCodeAt(0)] = padding;
for (const blank of ' \t\n\r\f\v') meanings[blank.charCodeAt(0)] = whitespace;

const scheme = 'data:';
/** More than the longest head of a data URI that is taken (RFC 2397). */
const maxHeadLength = 2_000;
const dataUriHead = /^data:\s*([^,;]{0,200}?)\s*((?:;[^,;]{0,200}){0,8}),$/i;

/** Base64 or a `data:` URI with base64, in pieces of any size: standard or URL-safe, white space anywhere. */
export class Base64Decoder {
  readonly #maxBytes: number;
  readonly #passesOver: boolean;
  #isTooLarge = false;
  /** The first characters, until it is known whether they are the head of a data URI. */
  #head: string | undefined = '';
  #bits = 0;
  #digits = 0;
  #padding = 0;
  #sawDigit = false;
  #sizeBytes = 0;
  #contentType: string | undefined;
  #problem: Base64Problem | undefined;

  /** `passesOver`: of what is too large the rest is passed over, where it would be a problem otherwise. */
  constructor(maxBytes: number, passesOver = false) {
    this.#maxBytes = maxBytes;
    this.#passesOver = passesOver;
  }

  /** More came than is taken, and nothing of it counts. */
  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  get problem(): Base64Problem | undefined {
    return this.#problem;
  }

  /** Of the data URI. */
  get contentType(): string | undefined {
    return this.#contentType;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Takes bytes from `start` on for as long as they are plain digits or spaces, and returns where it stopped.
   * This loop sees each byte of a file: it is the reason for the class.
   */
  takeDigits(chunk: Uint8Array, start: number, output: Output): number {
    if (this.#isTooLarge) return endOfDigits(chunk, start);
    if (this.#head !== undefined || this.#padding > 0) return start;
    const { bytes } = output;
    let { length } = output;
    let bits = this.#bits;
    let digits = this.#digits;
    let at = start;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      const value = meanings[byte] ?? foreign;
      if (value < 0) {
        // Other white space comes in escapes: as it is, a JSON string cannot have it.
        if (byte === space) continue;
        break;
      }
      bits = (bits << 6) | value;
      digits += 1;
      if (digits < 4) continue;
      bytes[length] = bits >> 16;
      bytes[length + 1] = bits >> 8;
      bytes[length + 2] = bits;
      length += 3;
      bits = 0;
      digits = 0;
    }
    this.#sawDigit ||= digits > 0 || length > output.length;
    this.#bits = bits;
    this.#digits = digits;
    this.#grow(output, length);
    return at;
  }

  /** Takes one character, whatever it is. */
  take(code: number, output: Output): void {
    if (this.#isTooLarge) return;
    if (this.#head === undefined) return this.#takePlain(code, output);
    const head = this.#head + String.fromCharCode(code);
    this.#head = head;
    const beginning = head.slice(0, scheme.length).toLowerCase();
    if (!scheme.startsWith(beginning)) return this.#replayHead(output);
    if (head.length > maxHeadLength) this.#fail('not_a_data_uri');
    else if (head.endsWith(',')) this.#readHead(head);
  }

  /** The end of the text. */
  end(output: Output): void {
    if (this.#isTooLarge) return;
    if (this.#head?.toLowerCase().startsWith(scheme)) return this.#fail('not_a_data_uri');
    if (this.#head !== undefined) this.#replayHead(output);
    if (!this.#sawDigit || this.#digits === 1) return this.#fail('not_base64');
    let { length } = output;
    if (this.#digits === 2) output.bytes[length++] = this.#bits >> 4;
    if (this.#digits === 3) {
      output.bytes[length++] = this.#bits >> 10;
      output.bytes[length++] = this.#bits >> 2;
    }
    this.#grow(output, length);
  }

  #takePlain(code: number, output: Output): void {
    const value = code > 255 ? foreign : (meanings[code] ?? foreign);
    if (value === whitespace) return;
    if (value === padding && this.#padding < 2 && this.#sawDigit) {
      this.#padding += 1;
      return;
    }
    if (value < 0 || this.#padding > 0) return this.#fail('not_base64');
    this.takeDigits(Uint8Array.of(code), 0, output);
  }

  #replayHead(output: Output): void {
    const head = this.#head ?? '';
    this.#head = undefined;
    for (let at = 0; at < head.length; at += 1) this.#takePlain(head.charCodeAt(at), output);
  }

  #readHead(head: string): void {
    const parts = dataUriHead.exec(head);
    if (parts === null || !/;\s*base64\s*$/i.test(parts[2] ?? '')) return this.#fail('not_a_data_uri');
    this.#head = undefined;
    this.#contentType = parts[1] === '' ? undefined : parts[1];
  }

  #grow(output: Output, length: number): void {
    this.#sizeBytes += length - output.length;
    output.length = length;
    if (this.#sizeBytes <= this.#maxBytes) return;
    if (this.#passesOver) this.#isTooLarge = true;
    else this.#fail('file_too_large');
  }

  #fail(problem: Base64Problem): void {
    this.#problem ??= problem;
  }
}

function endOfDigits(chunk: Uint8Array, start: number): number {
  let at = start;
  while (at < chunk.length && (meanings[chunk[at] ?? 0] ?? foreign) >= 0) at += 1;
  return at;
}
