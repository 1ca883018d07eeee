import type { ProviderOutput } from '../provider.ts';

/** What a file is, as an output says it. */
export type FileType = Pick<ProviderOutput, 'kind' | 'contentType'>;

const byExtension: Readonly<Record<string, FileType>> = {
  png: { kind: 'image', contentType: 'image/png' },
  jpg: { kind: 'image', contentType: 'image/jpeg' },
  jpeg: { kind: 'image', contentType: 'image/jpeg' },
  webp: { kind: 'image', contentType: 'image/webp' },
  gif: { kind: 'image', contentType: 'image/gif' },
  avif: { kind: 'image', contentType: 'image/avif' },
  heic: { kind: 'image', contentType: 'image/heic' },
  svg: { kind: 'image', contentType: 'image/svg+xml' },
  bmp: { kind: 'image', contentType: 'image/bmp' },
  tiff: { kind: 'image', contentType: 'image/tiff' },
  mp4: { kind: 'video', contentType: 'video/mp4' },
  webm: { kind: 'video', contentType: 'video/webm' },
  mov: { kind: 'video', contentType: 'video/quicktime' },
  mkv: { kind: 'video', contentType: 'video/x-matroska' },
  avi: { kind: 'video', contentType: 'video/x-msvideo' },
  mp3: { kind: 'audio', contentType: 'audio/mpeg' },
  wav: { kind: 'audio', contentType: 'audio/wav' },
  flac: { kind: 'audio', contentType: 'audio/flac' },
  ogg: { kind: 'audio', contentType: 'audio/ogg' },
  opus: { kind: 'audio', contentType: 'audio/ogg' },
  m4a: { kind: 'audio', contentType: 'audio/mp4' },
  aac: { kind: 'audio', contentType: 'audio/aac' },
  glb: { kind: '3d', contentType: 'model/gltf-binary' },
  obj: { kind: '3d', contentType: 'model/obj' },
  zip: { kind: 'file', contentType: 'application/zip' },
};

/** By the end of a file's name or of a path. */
export function typeOfName(name: string): FileType | undefined {
  const extension = /\.([a-z0-9]{2,4})$/i.exec(name)?.[1]?.toLowerCase();
  return extension === undefined ? undefined : byExtension[extension];
}

/** First bytes, as hexadecimal; a dot is any digit. */
const signatures: readonly [RegExp, string][] = [
  [/^89504e47/, 'png'],
  [/^ffd8ff/, 'jpg'],
  [/^47494638/, 'gif'],
  [/^52494646.{8}57454250/, 'webp'],
  [/^52494646.{8}57415645/, 'wav'],
  // The brand says which of many this container holds.
  [/^.{8}6674797061766966|^.{8}6674797061766973/, 'avif'],
  [/^.{8}66747970(68656963|68656978|68657663|6d696631|6d736631)/, 'heic'],
  [/^.{8}66747970(4d344120|4d344220|4d345020)/, 'm4a'],
  [/^.{8}6674797071742020/, 'mov'],
  [/^.{8}66747970/, 'mp4'],
  [/^1a45dfa3/, 'webm'],
  [/^494433|^fff[23ab]/, 'mp3'],
  [/^664c6143/, 'flac'],
  [/^4f676753/, 'ogg'],
  [/^676c5446/, 'glb'],
  [/^504b0304/, 'zip'],
  [/^424d.{8}00000000/, 'bmp'],
  [/^49492a00|^4d4d002a/, 'tiff'],
  [/^fff1|^fff9/, 'aac'],
  [/^52494646.{8}41564920/, 'avi'],
];

/** By what a file begins with. */
export function typeOfBytes(bytes: Buffer): FileType | undefined {
  const extension = extensionOfBytes(bytes);
  return extension === undefined ? undefined : byExtension[extension];
}

/** The extension of what a file begins with. */
export function extensionOfBytes(bytes: Buffer): string | undefined {
  const head = bytes.subarray(0, 16).toString('hex');
  return signatures.find(([signature]) => signature.test(head))?.[1] ?? textKind(bytes);
}

/** The one picture that is text. */
function textKind(bytes: Buffer): string | undefined {
  const head = bytes
    .subarray(0, 1_024)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  return /^(<\?xml[^>]*>\s*)?(<!--[\s\S]{0,400}?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i.test(head)
    ? 'svg'
    : undefined;
}

/** A usual extension of a content type; undefined for one that nobody knows. */
export function extensionOf(contentType: string): string | undefined {
  const type = contentType.toLowerCase().split(';')[0]?.trim() ?? '';
  const other: Readonly<Record<string, string>> = {
    'audio/x-m4a': 'm4a',
    'audio/m4a': 'm4a',
    'audio/mp3': 'mp3',
    'audio/x-wav': 'wav',
    'audio/wave': 'wav',
    'audio/vnd.wave': 'wav',
    'audio/x-flac': 'flac',
    'audio/opus': 'ogg',
    'audio/webm': 'webm',
    'audio/aacp': 'aac',
    'audio/x-aac': 'aac',
    'application/ogg': 'ogg',
    'video/matroska': 'mkv',
    'application/pdf': 'pdf',
    'application/json': 'json',
    'text/plain': 'txt',
  };
  return other[type] ?? Object.entries(byExtension).find(([, known]) => known.contentType === type)?.[0];
}
