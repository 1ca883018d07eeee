import { fileTypeFromBuffer } from 'file-type';

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
  if (sniffed !== undefined) return sniffed;
  if (!isText(head)) return 'application/octet-stream';
  const claimed = essence(declared);
  if (claimed !== undefined && claimed !== 'text/plain' && harmlessText.has(claimed)) return claimed;
  const extension = /\.([a-z0-9]+)$/i.exec(fileName)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(textByExtension, extension)
    ? (textByExtension[extension] ?? 'text/plain')
    : 'text/plain';
}

async function sniff(head: Uint8Array): Promise<string | undefined> {
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
