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

/** A name as the last segment of a URL's path. */
export function toPathSegment(fileName: string): string {
  return encodeURIComponent(fileName).replace(/['()*]/g, percentEncode);
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
