/** Bodies as servers pack them: told by `Content-Encoding`, and by what comes, since neither is always right. */
import { PassThrough, pipeline, Readable } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** What servers and storages write there that packs nothing. */
const noPacking = new Set([
  '',
  'identity',
  'none',
  'null',
  'aws-chunked',
  'utf-8',
  'utf8',
  'us-ascii',
  'binary',
  '8bit',
  '7bit',
]);
const maxLayers = 3;

type Unpack = (head: Buffer) => NodeJS.ReadWriteStream;

const codings: Readonly<Record<string, Unpack>> = {
  // A body without the mark of its coding was never packed.
  gzip: (head) => (head[0] === 0x1f && head[1] === 0x8b ? createGunzip() : new PassThrough()),
  zstd: (head) => (isZstd(head) ? createZstdDecompress() : new PassThrough()),
  // RFC 9110, section 8.4.1.2: some send the bare stream, without the head and the sum of zlib.
  deflate: (head) => (isZlib(head) ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
};

/** The codings that are on a body, outermost first; undefined when one of them is unknown. */
export function codingsOf(header: string | undefined): string[] | undefined {
  const named = (header ?? '').split(',').map((name) => name.trim().toLowerCase().replace(/^x-/, ''));
  const packed = named.filter((name) => !noPacking.has(name)).reverse();
  const isKnown = packed.length <= maxLayers && packed.every((name) => Object.hasOwn(codings, name));
  return isKnown ? packed : undefined;
}

/** The body without these codings. Whoever reads it counts what comes: a few bytes may unpack to any number. */
export function unpacked(body: Readable, packed: readonly string[]): Readable {
  return packed.reduce((from, name) => {
    const unpack = codings[name] ?? (() => new PassThrough());
    const through = new PassThrough();
    // Errors reach whoever reads.
    open(from, unpack).then(
      (plain) => void pipeline(plain, through, () => undefined),
      (error: Error) => void through.destroy(error),
    );
    through.once('close', () => from.destroy());
    return through;
  }, body);
}

/** Which decoder it takes is told by the first two bytes or more. */
async function open(body: Readable, unpack: Unpack): Promise<Readable> {
  const chunks = body.iterator({ destroyOnReturn: false });
  let head = Buffer.alloc(0);
  while (head.byteLength < 4) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const rest = (async function* () {
    if (head.byteLength > 0) yield head;
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) yield chunk;
  })();
  // Nothing at all is nothing, whatever was said of it.
  if (head.byteLength === 0) return Readable.from([]);
  // as: what the table makes are Transform streams.
  return pipeline(
    Readable.from(rest, { objectMode: false }),
    unpack(head),
    () => undefined,
  ) as unknown as Readable;
}

function isZlib(head: Buffer): boolean {
  return head.byteLength >= 2 && ((head[0] ?? 0) & 0x0f) === 8 && head.readUInt16BE(0) % 31 === 0;
}

function isZstd(head: Buffer): boolean {
  return head.byteLength >= 4 && head.readUInt32LE(0) === 0xfd2fb528;
}
