/** A small valid file of a medium. */
export interface SampleFile {
  bytes: Buffer;
  contentType: string;
  extension: string;
}

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Files that emulated models make: a picture of one pixel, a tenth of a second of silence, the head of a film. */
export function sampleFile(medium: 'image' | 'audio' | 'video' | '3d', minBytes = 0): SampleFile {
  const sample = samples[medium]();
  if (sample.bytes.byteLength >= minBytes) return sample;
  return {
    ...sample,
    bytes: Buffer.concat([sample.bytes, Buffer.alloc(minBytes - sample.bytes.byteLength)]),
  };
}

const samples = {
  image: () => ({ bytes: Buffer.from(png, 'base64'), contentType: 'image/png', extension: 'png' }),
  audio: () => ({ bytes: silence(), contentType: 'audio/wav', extension: 'wav' }),
  video: () => ({
    bytes: Buffer.from('000000186674797069736f6d0000020069736f6d6d703432000000086d646174', 'hex'),
    contentType: 'video/mp4',
    extension: 'mp4',
  }),
  '3d': () => ({
    bytes: Buffer.from('676c544602000000 0c000000'.replaceAll(' ', ''), 'hex'),
    contentType: 'model/gltf-binary',
    extension: 'glb',
  }),
} satisfies Record<string, () => SampleFile>;

/** 16-bit mono at 8 kHz. */
function silence(): Buffer {
  const dataBytes = 1_600;
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + dataBytes, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8_000, 24);
  head.writeUInt32LE(16_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(dataBytes, 40);
  return Buffer.concat([head, Buffer.alloc(dataBytes)]);
}
