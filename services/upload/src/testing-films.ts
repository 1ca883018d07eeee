/** MP4 files made box by box, as hostile as wanted. For tests only. */

const u16 = (...values: number[]) =>
  Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 255])));
const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
};

function box(type: string, ...bodies: Uint8Array[]): Buffer {
  const body = Buffer.concat(bodies);
  return Buffer.concat([u32(body.byteLength + 8), Buffer.from(type, 'latin1'), body]);
}

interface HostileFilm {
  /** All samples are these same bytes. */
  sample: Buffer;
  samples: number;
  /** Whether the file says which samples are key frames: the first alone. */
  hasKeyFrames: boolean;
  /** Bytes of the length before each unit. */
  lengthBytes?: number;
}

/** A film of H.264 Baseline whose samples all lie in one place. */
export function hostileFilm({ sample, samples, hasKeyFrames, lengthBytes = 1 }: HostileFilm): Buffer {
  const head = box('ftyp', Buffer.from('isom\0\0\x02\0isomavc1', 'latin1'));
  const offset = head.byteLength + 8;
  const avcC = box('avcC', Buffer.from([1, 66, 0, 30, 0xfc | (lengthBytes - 1), 0xe0, 0]));
  const entry = box('avc1', Buffer.alloc(24), u16(320, 180), Buffer.alloc(50), avcC);
  const table = box(
    'stbl',
    box('stsd', u32(0, 1), entry),
    box('stts', u32(0, 1, samples, 1)),
    ...(hasKeyFrames ? [box('stss', u32(0, 1, 1))] : []),
    box('stsc', u32(0, 1, 1, 1, 1)),
    box('stsz', u32(0, sample.byteLength, samples)),
    box('stco', u32(0, samples), Buffer.alloc(samples * 4, u32(offset))),
  );
  const media = box(
    'mdia',
    box('mdhd', u32(0, 0, 0, 10, samples, 0)),
    box('hdlr', u32(0, 0), Buffer.from('vide', 'latin1'), Buffer.alloc(13)),
    box('minf', table),
  );
  const header = box(
    'tkhd',
    u32(1, 0, 0, 1, 0, samples),
    Buffer.alloc(16),
    u32(65_536, 0, 0, 0, 65_536),
    Buffer.alloc(24),
  );
  return Buffer.concat([head, box('mdat', sample), box('moov', box('trak', header, media))]);
}

/** A film with another matrix in its first track (ISO/IEC 14496-12, section 8.3.2). */
export function withMatrix(film: Buffer, [a, b, c, d]: readonly [number, number, number, number]): Buffer {
  const copy = Buffer.from(film);
  const at = copy.indexOf('tkhd') + 4 + 40;
  for (const [place, value] of [a, b, 0, c, d].entries()) copy.writeInt32BE(value * 65_536, at + place * 4);
  return copy;
}
