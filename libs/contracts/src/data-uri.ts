/** The one reader of `data:` URIs (RFC 2397, as the URL and Fetch standards read them). */

export interface DataUri {
  /** `type/subtype` in lower case, without parameters; undefined where none is given. */
  contentType: string | undefined;
  bytes: Buffer<ArrayBuffer>;
}

const maxHead = 1_000;
const scheme = /^\s*data:/i;

/** Whether a text is meant as one, whatever it holds. */
export function isDataUri(text: string): boolean {
  return scheme.test(text) && headOf(text) !== undefined;
}

/** Undefined for what is none, or holds what its marks deny. */
export function readDataUri(text: string): DataUri | undefined {
  const head = headOf(text);
  if (head === undefined) return undefined;
  const [type = '', ...marks] = head.split(';').map((part) => part.trim().toLowerCase());
  const body = percentDecoded(text.slice(text.indexOf(',') + 1));
  const bytes = marks.at(-1) === 'base64' ? fromBase64(body.toString('latin1')) : body;
  if (bytes === undefined) return undefined;
  return { contentType: /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(type) ? type : undefined, bytes };
}

function headOf(text: string): string | undefined {
  const start = scheme.exec(text.slice(0, maxHead))?.[0].length;
  const comma = text.slice(0, maxHead).indexOf(',');
  return start === undefined || comma < start ? undefined : text.slice(start, comma);
}

/** Bytes as they are written: what is no escape stands for itself. */
function percentDecoded(text: string): Buffer<ArrayBuffer> {
  if (!text.includes('%')) return Buffer.from(text);
  const bytes = Buffer.from(text);
  let length = 0;
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const code = bytes[at] === 0x25 ? hexAt(bytes, at + 1) : undefined;
    bytes[length] = code ?? bytes[at] ?? 0;
    length += 1;
    if (code !== undefined) at += 2;
  }
  return bytes.subarray(0, length);
}

function hexAt(bytes: Buffer, at: number): number | undefined {
  const pair = bytes.toString('latin1', at, at + 2);
  return /^[0-9a-f]{2}$/i.test(pair) ? Number.parseInt(pair, 16) : undefined;
}

/** Standard or URL-safe, with line breaks, with or without its end. */
export function fromBase64(text: string): Buffer<ArrayBuffer> | undefined {
  const encoded = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const plain = encoded.replace(/={1,2}$/, '');
  if (plain.length % 4 === 1 || /[^A-Za-z0-9+/_-]/.test(plain)) return undefined;
  return Buffer.from(plain, 'base64');
}
