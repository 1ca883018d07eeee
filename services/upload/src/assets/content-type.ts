/** Types and names of files as they are kept. */

/** Text that no browser runs. A declared type is believed only when it is one of these and the bytes are text. */
const harmlessText = new Set([
  'text/plain',
  'text/csv',
  'text/markdown',
  'text/tab-separated-values',
  'text/vtt',
  'application/json',
  'application/x-ndjson',
  'application/jsonl',
  'application/x-subrip',
]);

/** By the end of the name, for text without a declared type. */
const textByExtension: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  md: 'text/markdown',
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  vtt: 'text/vtt',
  srt: 'application/x-subrip',
};

/** Formats that browsers show and never run as our origin's code. */
const shownInline =
  /^(image\/(png|jpeg|gif|webp|avif|bmp|tiff|heic|heif|jxl|apng|vnd\.microsoft\.icon)|audio\/.+|video\/.+|application\/pdf)$/;

/** `type/subtype` in lower case without parameters; undefined when it is not a media type. */
export function essence(type: string | null | undefined): string | undefined {
  const bare = type?.split(';')[0]?.trim().toLowerCase() ?? '';
  return /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(bare) ? bare : undefined;
}

/** What a file is: by its first bytes where they say it, else harmless text or plain bytes; never as declared. */
export async function detectType(
  head: Uint8Array,
  { declared, fileName }: { declared: string | null; fileName: string },
): Promise<string> {
  const sniffed = await sniff(head);
  // It is XML to whoever looks at its first line alone.
  if ((sniffed === undefined || /xml$/.test(sniffed)) && isSvg(head)) return 'image/svg+xml';
  if (sniffed !== undefined) return sniffed;
  if (!isText(head)) return 'application/octet-stream';
  const claimed = essence(declared);
  if (claimed !== undefined && claimed !== 'text/plain' && harmlessText.has(claimed)) return claimed;
  const extension = /\.([a-z0-9]+)$/i.exec(fileName)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(textByExtension, extension)
    ? (textByExtension[extension] ?? 'text/plain')
    : 'text/plain';
}

/** An SVG document: its root follows nothing but what XML may begin with (XML 1.0, section 2.8). */
function isSvg(head: Uint8Array): boolean {
  const text = Buffer.from(head.subarray(0, 8_192))
    .toString('utf8')
    .replace(/^\ufeff/, '');
  const prolog =
    /^(?:\s|<\?[^>]{0,1000}\?>|<!--(?:(?!-->)[\s\S]){0,4000}-->|<!DOCTYPE\s+svg[^>[]{0,1000}(?:\[[^\]]{0,2000}\]\s*)?>)*/i;
  return /^<svg[\s>/]/i.test(text.replace(prolog, ''));
}

/** What files of a type are called; the first is ours. */
const extensions: Readonly<Record<string, readonly string[]>> = {
  'image/jpeg': ['jpg', 'jpeg', 'jfif'],
  'image/svg+xml': ['svg'],
  'image/tiff': ['tiff', 'tif'],
  'image/png': ['png'],
  'image/apng': ['apng', 'png'],
  'image/gif': ['gif'],
  'image/webp': ['webp'],
  'image/avif': ['avif'],
  'audio/mpeg': ['mp3'],
  'audio/wav': ['wav'],
  'audio/vnd.wave': ['wav'],
  'audio/x-m4a': ['m4a'],
  'audio/mp4': ['m4a', 'mp4'],
  'audio/ogg': ['ogg', 'oga', 'opus'],
  'audio/opus': ['opus', 'ogg'],
  'audio/flac': ['flac'],
  'audio/x-flac': ['flac'],
  'video/mp4': ['mp4', 'm4v'],
  'video/quicktime': ['mov', 'qt'],
  'video/webm': ['webm'],
  'video/matroska': ['mkv'],
  'model/gltf-binary': ['glb'],
};
const known = new Set([...Object.values(extensions).flat(), 'bin', 'file', 'tmp']);

/** A name whose end says what the file is, where it says something else. */
export function agreeingName(fileName: string, contentType: string): string {
  const fitting = extensions[contentType];
  if (fitting === undefined) return fileName;
  const [, stem = fileName, extension = ''] = /^(.*)\.([A-Za-z0-9]{1,5})$/s.exec(fileName) ?? [];
  if (fitting.includes(extension.toLowerCase())) return fileName;
  return `${known.has(extension.toLowerCase()) ? stem : fileName}.${fitting[0]}`;
}

async function sniff(head: Uint8Array): Promise<string | undefined> {
  // Loaded with the first file.
  const { fileTypeFromBuffer } = await import('file-type');
  try {
    return essence((await fileTypeFromBuffer(head))?.mime);
  } catch {
    // A broken file of some format: what it is stays unknown.
    return undefined;
  }
}

/** How a stored file is sent: the type that the browser is told, and whether it may show it. */
export function servedAs(contentType: string): { type: string; disposition: 'inline' | 'attachment' } {
  if (shownInline.test(contentType)) return { type: contentType, disposition: 'inline' };
  if (contentType === 'application/json') {
    return { type: 'application/json; charset=utf-8', disposition: 'inline' };
  }
  if (harmlessText.has(contentType)) return { type: 'text/plain; charset=utf-8', disposition: 'inline' };
  if (isActive(contentType)) return { type: 'application/octet-stream', disposition: 'attachment' };
  return { type: contentType, disposition: 'attachment' };
}

/** Markup and script in all their spellings, and what the browser might take for them. */
function isActive(contentType: string): boolean {
  return (
    /html|xml|svg|script|flash|wasm|multipart|message|css/.test(contentType) ||
    contentType.startsWith('text/')
  );
}

/** True for UTF-8 without control characters; the last character may be cut off. */
function isText(head: Uint8Array): boolean {
  if (head.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Control characters, and those that make a name read otherwise than it is (bidirectional overrides). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A caller's file name as it is stored: the last segment of a path, printable, at most 150 characters. */
export function toFileName(given: string): string {
  const last = given.toWellFormed().replace(unprintable, '').split(/[/\\]/).at(-1) ?? '';
  const trimmed = last.replace(/^[\s.]+$/, '').trim();
  if (trimmed === '') return 'file';
  if (trimmed.length <= 150) return trimmed;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(trimmed)?.[0] ?? '';
  return (
    trimmed
      .slice(0, 150 - extension.length)
      .toWellFormed()
      .replaceAll('\ufffd', '') + extension
  );
}

/** RFC 6266 with the name twice: plain for old clients, UTF-8 by RFC 8187 for the others. */
export function contentDisposition(kind: 'inline' | 'attachment', fileName: string): string {
  const plain = fileName.replace(/[^\x20-\x7e]/g, '_').replace(/["\\%]/g, '_');
  const encoded = encodeURIComponent(fileName).replace(/['()*]/g, percentEncode);
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** A URL stands in results, which are short; what is saved has the whole name all the same (Content-Disposition). */
const maxSegment = 120;

/** A name as the last segment of a URL's path; of a long one the beginning, with its extension. */
export function toPathSegment(fileName: string): string {
  const whole = percentEncoded(fileName);
  if (whole.length <= maxSegment) return whole;
  const extension = percentEncoded(/\.[A-Za-z0-9]{1,10}$/.exec(fileName)?.[0] ?? '');
  let kept = '';
  for (const character of fileName) {
    const next = kept + percentEncoded(character);
    if (next.length + extension.length > maxSegment) break;
    kept = next;
  }
  return kept + extension;
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, percentEncode);
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
