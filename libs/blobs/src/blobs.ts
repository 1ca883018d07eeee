import type { Readable } from 'node:stream';

export interface BlobInfo {
  key: string;
  sizeBytes: number;
  /** Changes with the content; usable as an HTTP ETag without its quotes. */
  etag: string;
}

/** Inclusive byte range, as in RFC 9110, section 14. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface PutOptions {
  signal?: AbortSignal | undefined;
  /** Refuse (and store nothing) once more bytes than this have come. */
  maxBytes?: number | undefined;
}

/**
 * Object storage: a folder, or S3. Keys are lower-case paths of our own making (`checkKey`), never a caller's. Both
 * pass the same contract suite. Errors: `asset_not_found`, `upload_too_large`, `cancelled` (the signal was aborted),
 * `unavailable`; what the body itself fails with is passed on as it is.
 */
export interface Blobs {
  /** Streams in; the blob appears whole or not at all, and replaces one of the same key. */
  put(key: string, body: Readable, options?: PutOptions): Promise<BlobInfo & { sha256: string }>;
  head(key: string): Promise<BlobInfo | undefined>;
  /** Streams out: the whole blob, or a range that begins within it. The caller consumes or destroys the stream. */
  get(key: string, range?: ByteRange): Promise<Readable>;
  /**
   * Joins stored parts in order into one blob. The parts stay: the caller deletes them once it has recorded the
   * join, so that a crash in between loses nothing.
   */
  concat(key: string, parts: readonly string[], options?: PutOptions): Promise<BlobInfo & { sha256: string }>;
  /** True when there was one. */
  delete(key: string): Promise<boolean>;
  list(prefix: string): AsyncIterable<BlobInfo>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
