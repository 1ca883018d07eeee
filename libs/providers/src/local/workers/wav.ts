import { UnusableInput } from '../unusable-input.ts';

export interface Sound {
  sampleRate: number;
  /** One array a channel, -1..1. */
  channels: Float32Array[];
}

const notWav = 'audio: this is no WAV file. Convert it to WAV (PCM) and upload it.';
const cutOff = 'audio: the WAV file is damaged or cut off. Upload it again.';

interface Format {
  /** 1: integers. 3: floats. */
  coding: number;
  channels: number;
  sampleRate: number;
  blockAlign: number;
  bits: number;
}

interface Chunk {
  name: string;
  at: number;
  /** As far as the file goes. */
  size: number;
  /** Fewer bytes are there than the header says. */
  isCutOff: boolean;
}

/** Reads PCM of 8, 16, 24 and 32 bits and floats of 32 and 64 (RIFF/WAVE, with WAVE_FORMAT_EXTENSIBLE). */
export function readWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isWav = bytes.byteLength >= 12 && tag(view, 0) === 'RIFF' && tag(view, 8) === 'WAVE';
  if (!isWav) throw new UnusableInput(notWav);
  let format: Format | undefined;
  for (const chunk of chunksOf(view)) {
    if (chunk.name === 'fmt ') format = readFormat(view, chunk);
    if (chunk.name !== 'data') continue;
    if (format === undefined || chunk.isCutOff) throw new UnusableInput(cutOff);
    return readSamples(view, format, chunk);
  }
  throw new UnusableInput(cutOff);
}

function* chunksOf(view: DataView): Generator<Chunk> {
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const declared = view.getUint32(at + 4, true);
    const there = view.byteLength - at - 8;
    const name = tag(view, at);
    // Programs that stream leave the length of the data open: it then ends with the file.
    const isOpen = name === 'data' && (declared === 0 || declared >= 0xffff_0000);
    const size = isOpen ? there : Math.min(declared, there);
    yield { name, at: at + 8, size, isCutOff: !isOpen && size < declared };
    at += 8 + size + (size % 2);
  }
}

function readFormat(view: DataView, { at, size }: Chunk): Format {
  if (size < 16) throw new UnusableInput(cutOff);
  const declared = view.getUint16(at, true);
  const isExtensible = declared === 0xfffe && size >= 40;
  return {
    coding: isExtensible ? view.getUint16(at + 24, true) : declared,
    channels: view.getUint16(at + 2, true),
    sampleRate: view.getUint32(at + 4, true),
    blockAlign: view.getUint16(at + 12, true),
    bits: view.getUint16(at + 14, true),
  };
}

function readSamples(view: DataView, format: Format, data: Chunk): Sound {
  const { coding, channels: count, sampleRate, bits, blockAlign } = format;
  const read = sampleReader(view, coding, bits);
  if (count < 1 || count > 2) {
    throw new UnusableInput(`audio: ${count} channels; only mono and stereo are taken. Mix it down first.`);
  }
  if (sampleRate < 4000 || sampleRate > 384_000 || blockAlign !== (count * bits) / 8)
    throw new UnusableInput(cutOff);
  const frames = Math.floor(data.size / blockAlign);
  if (frames === 0) throw new UnusableInput('audio: the WAV file has no samples in it. Record it again.');
  const channels = Array.from({ length: count }, (_, channel) => {
    const samples = new Float32Array(frames);
    const start = data.at + (channel * bits) / 8;
    for (let frame = 0; frame < frames; frame += 1) samples[frame] = read(start + frame * blockAlign);
    return samples;
  });
  return { sampleRate, channels };
}

function sampleReader(view: DataView, coding: number, bits: number): (at: number) => number {
  switch (`${coding}/${bits}`) {
    case '1/8':
      return (at) => (view.getUint8(at) - 128) / 128;
    case '1/16':
      return (at) => view.getInt16(at, true) / 32_768;
    case '1/24':
      return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8_388_608;
    case '1/32':
      return (at) => view.getInt32(at, true) / 2_147_483_648;
    case '3/32':
      return (at) => finite(view.getFloat32(at, true));
    case '3/64':
      return (at) => finite(view.getFloat64(at, true));
    default:
      throw new UnusableInput(
        'audio: this WAV file is compressed in a way that is not read here. Convert it to PCM with 16 bits.',
      );
  }
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

/** PCM, 16 bits; louder than full scale is clipped. */
export function writeWav({ sampleRate, channels }: Sound): Uint8Array {
  const frames = channels[0]?.length ?? 0;
  const blockAlign = channels.length * 2;
  const bytes = new Uint8Array(44 + frames * blockAlign);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('RIFF    WAVEfmt '), 0);
  view.setUint32(4, bytes.byteLength - 8, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * blockAlign, true);
  view.setUint16(32, blockAlign, true);
  view.setUint16(34, 16, true);
  bytes.set(Buffer.from('data'), 36);
  view.setUint32(40, frames * blockAlign, true);
  channels.forEach((samples, channel) => {
    samples.forEach((sample, frame) => {
      const level = Math.round(Math.min(1, Math.max(-1, sample)) * 32_767);
      view.setInt16(44 + frame * blockAlign + channel * 2, level, true);
    });
  });
  return bytes;
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}
