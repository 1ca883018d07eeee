import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { access, constants, type FileHandle, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { AppError } from '@inferry/contracts';
import type { BlobInfo, Blobs, ByteRange, PutOptions } from '../blobs.ts';
import { checkKey } from '../key.ts';
import { blobNotFound, joined, Meter, metered, storageUnavailable } from '../metered.ts';
import { pathOfKey, walk } from './layout.ts';
import { removeStaleFiles } from './stale-files.ts';

export interface FolderBlobsOptions {
  /** Made when missing; several processes may share it. */
  folder: string;
  /** A temporary file untouched for so long belongs to a process that died; default one hour. */
  staleAfterMs?: number;
  now?: () => number;
}

/** Blobs as files: written beside, then renamed into place, so that a reader sees the old one or the new one. */
export function createFolderBlobs(options: FolderBlobsOptions): Blobs {
  return new FolderBlobs(options);
}

class FolderBlobs implements Blobs {
  readonly #root: string;
  readonly #temporary: string;
  readonly #staleBefore: () => number;
  #preparing: Promise<void> | undefined;

  constructor({ folder, staleAfterMs = 3_600_000, now = Date.now }: FolderBlobsOptions) {
    this.#root = path.join(folder, 'blobs');
    this.#temporary = path.join(folder, 'tmp');
    this.#staleBefore = () => now() - staleAfterMs;
  }

  async put(key: string, body: Readable, options: PutOptions = {}): Promise<BlobInfo & { sha256: string }> {
    const file = await this.#fileOf(key);
    const draft = path.join(this.#temporary, `${randomBytes(16).toString('hex')}.part`);
    const meter = new Meter(options.maxBytes);
    try {
      await write(draft, metered(body, meter, options.signal));
      await onDisk(() => moveInto(draft, file));
      const stats = await onDisk(() => stat(file, { bigint: true }));
      return { key, sizeBytes: meter.sizeBytes, etag: etagOf(stats), sha256: meter.sha256() };
    } catch (error) {
      body.destroy();
      await rm(draft, { force: true }).catch(() => undefined); // the disk failed: swept at a later start
      throw error;
    }
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    const file = await this.#fileOf(key);
    const handle = await this.#orMissing(() => open(file, 'r'));
    if (handle === undefined) throw blobNotFound();
    return handle.createReadStream(range === undefined ? {} : { start: range.start, end: range.end });
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    const file = await this.#fileOf(key);
    const stats = await this.#orMissing(() => stat(file, { bigint: true }));
    return stats === undefined ? undefined : { key, sizeBytes: Number(stats.size), etag: etagOf(stats) };
  }

  async concat(key: string, parts: readonly string[], options?: PutOptions) {
    return this.put(key, Readable.from(joined(parts, (part) => this.get(part))), options);
  }

  async delete(key: string): Promise<boolean> {
    const file = await this.#fileOf(key);
    const isRemoved = await this.#orMissing(() => rm(file).then(() => true));
    if (isRemoved !== true) return false;
    await removeEmptyParents(path.dirname(file), this.#root);
    return true;
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    await this.#prepare();
    for await (const key of walk(this.#root, prefix)) {
      const info = await this.head(key);
      // One that is gone by now was deleted by somebody else.
      if (info !== undefined) yield info;
    }
  }

  async ping(): Promise<void> {
    await this.#prepare();
    await onDisk(() => access(this.#temporary, constants.W_OK));
  }

  async close(): Promise<void> {}

  async #fileOf(key: string): Promise<string> {
    checkKey(key);
    await this.#prepare();
    return pathOfKey(this.#root, key);
  }

  /** Once per process, and again after a failure: the disk may be back. */
  #prepare(): Promise<void> {
    this.#preparing ??= onDisk(async () => {
      await mkdir(this.#root, { recursive: true });
      await mkdir(this.#temporary, { recursive: true });
      await removeStaleFiles(this.#temporary, this.#staleBefore());
    }).catch((error: unknown) => {
      this.#preparing = undefined;
      throw error;
    });
    return this.#preparing;
  }

  /** Undefined for a file that is not there, unless the whole folder is: a lost mount must not look like lost files. */
  #orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
    return onDisk(async () => {
      try {
        return await work();
      } catch (error) {
        if (!isMissing(error)) throw error;
        await access(this.#root);
        return undefined;
      }
    });
  }
}

async function write(file: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const handle = await onDisk(() => open(file, 'wx'));
  try {
    for await (const chunk of chunks) await onDisk(() => writeAll(handle, chunk));
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, offset);
    offset += bytesWritten;
  }
}

/** The folder may vanish between the two steps, when somebody deletes the last blob in it. */
async function moveInto(draft: string, file: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await mkdir(path.dirname(file), { recursive: true });
    try {
      return await rename(draft, file);
    } catch (error) {
      if (attempt === 5 || !isMissing(error)) throw error;
    }
  }
}

async function removeEmptyParents(folder: string, root: string): Promise<void> {
  for (let current = folder; current !== root; current = path.dirname(current)) {
    try {
      await rmdir(current);
    } catch {
      // Not empty, or already gone: both are fine.
      return;
    }
  }
}

/** A replaced blob is another file: inode, size and time tell it from the one before. */
function etagOf(stats: BigIntStats): string {
  return [stats.ino, stats.size, stats.mtimeNs].map((value) => value.toString(36)).join('-');
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isRoomless(error) ? storageFull(error) : storageUnavailable(error);
  }
}

/** The disk is full, a quota is, or a process may write no larger files. */
function isRoomless(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

function storageFull(cause: unknown): AppError {
  const message =
    'The file storage is full: what is there can be read, and nothing new is taken until there is room.';
  return new AppError('unavailable', message, {
    retryAfterSeconds: 30,
    nextAction: 'Tell whoever runs this server to make room, then call again.',
    cause,
  });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
