import { Base64Decoder, type Base64Problem, type Output } from './base64-decoder.ts';

export interface SplitterLimits {
  /** Bytes of everything but the file. */
  maxRestBytes: number;
  /** Bytes of the file once decoded. */
  maxFileBytes: number;
  /** The rest of a call with a larger file is read all the same, without the file: it is answered, and not refused. */
  readsOn?: boolean;
  maxDepth: number;
}

export type SplitProblem = Base64Problem | 'rest_too_large' | 'too_deep' | 'duplicate_key' | 'bad_string';

interface Frame {
  isObject: boolean;
  key: string | undefined;
}

/** What is happening at the current byte. */
type Mode = 'json' | 'key' | 'value' | 'text' | 'file';

/** Keys that decide what a call is; a second one of them could make two readers see two calls. */
const decisive = new Set([
  'jsonrpc',
  'id',
  'method',
  'params',
  'params.name',
  'params.arguments',
  'params.arguments.base64',
]);
const filePath = 'params.arguments.base64';
/** No key or name that is asked about is longer, also when it is written in escapes. */
const maxCaptured = 256;

const quote = 0x22;
const backslash = 0x5c;
const codeOfEscape: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Reads the body of a call as it comes and takes the value of `params.arguments.base64` out of it, decoded. It only
 * follows strings and brackets: whether the rest, in which the value is an empty string, is JSON is for a real
 * parser to say, and then the whole was.
 */
export class BodySplitter {
  readonly #limits: SplitterLimits;
  readonly #file: Base64Decoder;
  readonly #rest: Buffer[] = [];
  readonly #frames: Frame[] = [];
  readonly #seen = new Set<string>();
  #scratch: Buffer = Buffer.alloc(0);
  #restBytes = 0;
  #mode: Mode = 'json';
  #expectsKey = false;
  /** Inside a string: what of an escape has come, the backslash included. */
  #escape = '';
  #captured: number[] = [];
  #isBatch = false;
  #method: string | undefined;
  #toolName: string | undefined;
  #problem: SplitProblem | undefined;

  constructor(limits: SplitterLimits) {
    this.#limits = limits;
    this.#file = new Base64Decoder(limits.maxFileBytes, limits.readsOn);
  }

  get problem(): SplitProblem | undefined {
    return this.#problem ?? this.#file.problem;
  }

  /** Of a reader that reads on: the file was larger than is taken. */
  get isTooLarge(): boolean {
    return this.#file.isTooLarge;
  }

  /** Whether the file's value has not ended. */
  get isInFile(): boolean {
    return this.#mode === 'file';
  }

  get isBatch(): boolean {
    return this.#isBatch;
  }

  get method(): string | undefined {
    return this.#method;
  }

  get toolName(): string | undefined {
    return this.#toolName;
  }

  get contentType(): string | undefined {
    return this.#file.contentType;
  }

  get fileBytes(): number {
    return this.#file.sizeBytes;
  }

  /**
   * Takes the next piece of the body and returns the bytes of the file in it, which stay what they are until the next
   * call: a file of 200 MiB is not to leave as much garbage. Nothing more comes once there is a problem.
   */
  write(chunk: Buffer): Buffer {
    // A few more than the digits of the piece make: a head that was held back, and the end of the value.
    const wanted = Math.ceil(chunk.length * 0.75) + 16;
    if (this.#scratch.length < wanted) this.#scratch = Buffer.allocUnsafe(wanted);
    const output: Output = { bytes: this.#scratch, length: 0 };
    let keptFrom = 0;
    for (let at = 0; at < chunk.length && this.problem === undefined; at += 1) {
      const wasFile = this.#mode === 'file';
      if (wasFile && this.#escape === '') at = this.#file.takeDigits(chunk, at, output);
      const byte = chunk[at];
      if (byte === undefined) break;
      this.#step(byte, output);
      const isFile = this.#mode === 'file';
      if (!wasFile && isFile) this.#keep(chunk.subarray(keptFrom, at + 1));
      if (wasFile && !isFile) keptFrom = at;
    }
    if (this.#mode !== 'file') this.#keep(chunk.subarray(keptFrom));
    return output.bytes.subarray(0, output.length);
  }

  /** The body without its file. */
  rest(): Buffer {
    return Buffer.concat(this.#rest);
  }

  #keep(bytes: Buffer): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes > this.#limits.maxRestBytes) this.#fail('rest_too_large');
    // A copy: a few bytes must not hold the whole piece that they came in.
    else if (bytes.length > 0) this.#rest.push(Buffer.from(bytes));
  }

  #step(byte: number, output: Output): void {
    if (this.#mode === 'json') this.#stepJson(byte);
    else if (this.#escape !== '') this.#stepEscape(byte, output);
    else if (byte === backslash) this.#escape = '\\';
    else if (byte === quote) this.#endString(output);
    else if (byte < 0x20) this.#fail('bad_string');
    else this.#character(byte, output);
  }

  #stepJson(byte: number): void {
    const top = this.#frames.at(-1);
    if (byte === quote) this.#beginString(top);
    else if (byte === 0x7b || byte === 0x5b) this.#open(byte === 0x7b);
    else if (byte === 0x7d || byte === 0x5d) this.#frames.pop();
    else if (byte === 0x2c) this.#expectsKey = top?.isObject ?? false;
    else if (byte === 0x3a) this.#expectsKey = false;
  }

  #open(isObject: boolean): void {
    if (this.#frames.length === 0 && !isObject) this.#isBatch = true;
    this.#frames.push({ isObject, key: undefined });
    this.#expectsKey = isObject;
    if (this.#frames.length > this.#limits.maxDepth) this.#fail('too_deep');
  }

  #beginString(top: Frame | undefined): void {
    this.#captured = [];
    if (top?.isObject && this.#expectsKey) {
      this.#mode = 'key';
      return;
    }
    const path = this.#path();
    if (path === filePath) this.#mode = 'file';
    else this.#mode = path === 'method' || path === 'params.name' ? 'value' : 'text';
  }

  /** Where the current value is, undefined inside arrays and below the file's depth. */
  #path(): string | undefined {
    if (this.#frames.length > 3 || this.#frames.some(({ isObject, key }) => !isObject || key === undefined)) {
      return undefined;
    }
    return this.#frames.map(({ key }) => key).join('.');
  }

  #stepEscape(byte: number, output: Output): void {
    this.#escape += String.fromCharCode(byte);
    if (this.#escape[1] === 'u') {
      if (this.#escape.length < 6) return;
      const code = /^\\u[0-9a-fA-F]{4}$/.test(this.#escape) ? Number.parseInt(this.#escape.slice(2), 16) : -1;
      return this.#endEscape(code, output);
    }
    this.#endEscape(codeOfEscape[this.#escape[1] ?? '']?.charCodeAt(0) ?? -1, output);
  }

  #endEscape(code: number, output: Output): void {
    this.#escape = '';
    if (code < 0) this.#fail('bad_string');
    else this.#character(code, output);
  }

  /** One character of a string; bytes beyond ASCII pass as they are, since nothing that is asked about has any. */
  #character(code: number, output: Output): void {
    if (this.#mode === 'file') this.#file.take(code, output);
    else if (this.#mode !== 'text' && this.#captured.length <= maxCaptured) this.#captured.push(code);
  }

  #endString(output: Output): void {
    if (this.#mode === 'file') this.#file.end(output);
    else if (this.#mode === 'key') this.#endKey(String.fromCharCode(...this.#captured));
    else if (this.#mode === 'value') this.#endValue(String.fromCharCode(...this.#captured));
    this.#mode = 'json';
  }

  #endKey(key: string): void {
    const top = this.#frames.at(-1);
    // Keys with a dot could pass for a path.
    if (top !== undefined) top.key = key.includes('.') ? '' : key;
    this.#expectsKey = false;
    const path = this.#path();
    if (path === undefined || !decisive.has(path)) return;
    if (this.#seen.has(path)) this.#fail('duplicate_key');
    this.#seen.add(path);
  }

  #endValue(text: string): void {
    if (this.#path() === 'method') this.#method = text;
    else this.#toolName = text;
  }

  #fail(problem: SplitProblem): void {
    this.#problem ??= problem;
  }
}
