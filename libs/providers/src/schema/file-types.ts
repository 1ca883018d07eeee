import type { ProviderOutput } from '../provider.ts';

/** What a file is, as an output says it. */
export type FileType = Pick<ProviderOutput, 'kind' | 'contentType'>;

const byExtension: Readonly<Record<string, FileType>> = {
  png: { kind: 'image', contentType: 'image/png' },
  jpg: { kind: 'image', contentType: 'image/jpeg' },
  jpeg: { kind: 'image', contentType: 'image/jpeg' },
  webp: { kind: 'image', contentType: 'image/webp' },
  gif: { kind: 'image', contentType: 'image/gif' },
  mp4: { kind: 'video', contentType: 'video/mp4' },
  webm: { kind: 'video', contentType: 'video/webm' },
  mov: { kind: 'video', contentType: 'video/quicktime' },
  mkv: { kind: 'video', contentType: 'video/x-matroska' },
  mp3: { kind: 'audio', contentType: 'audio/mpeg' },
  wav: { kind: 'audio', contentType: 'audio/wav' },
  flac: { kind: 'audio', contentType: 'audio/flac' },
  ogg: { kind: 'audio', contentType: 'audio/ogg' },
  m4a: { kind: 'audio', contentType: 'audio/mp4' },
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
  [/^.{8}66747970/, 'mp4'],
  [/^1a45dfa3/, 'webm'],
  [/^494433|^fff[23ab]/, 'mp3'],
  [/^664c6143/, 'flac'],
  [/^4f676753/, 'ogg'],
  [/^676c5446/, 'glb'],
  [/^504b0304/, 'zip'],
];

/** By what a file begins with. */
export function typeOfBytes(bytes: Buffer): FileType | undefined {
  const head = bytes.subarray(0, 16).toString('hex');
  const extension = signatures.find(([signature]) => signature.test(head))?.[1];
  return extension === undefined ? undefined : byExtension[extension];
}
