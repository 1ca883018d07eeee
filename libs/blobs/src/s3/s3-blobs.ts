import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { AppError } from '@inferry/contracts';
import type { BlobInfo, Blobs, ByteRange, PutOptions } from '../blobs.ts';
import { checkKey } from '../key.ts';
import { blobNotFound, joined, Meter, metered, storageUnavailable } from '../metered.ts';

export interface S3BlobsOptions {
  bucket: string;
  region: string;
  /** Of an S3-compatible store; AWS itself needs none. */
  endpoint?: string | undefined;
  /** Both or none: without them the SDK finds credentials as it always does (role, environment, profile). */
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
  /** `https://host/bucket/key` in place of `https://bucket.host/key`; default: when there is an endpoint. */
  forcePathStyle?: boolean | undefined;
  /** Bytes held per part and upload, at least 5 MiB; two parts are in flight. Default 8 MiB: files up to 80 GB. */
  partBytes?: number | undefined;
  connectTimeoutMs?: number | undefined;
  /** The longest silence of the store within one request. */
  silenceTimeoutMs?: number | undefined;
}

/** Blobs in a bucket of S3 or of a store that speaks its protocol. The bucket must exist. */
export function createS3Blobs(options: S3BlobsOptions): Blobs {
  return new S3Blobs(options);
}

class S3Blobs implements Blobs {
  readonly #bucket: string;
  readonly #partBytes: number;
  readonly #client: S3Client;

  constructor(options: S3BlobsOptions) {
    this.#bucket = options.bucket;
    this.#partBytes = options.partBytes ?? 8 * 1024 * 1024;
    this.#client = createClient(options);
  }

  async put(key: string, body: Readable, options: PutOptions = {}): Promise<BlobInfo & { sha256: string }> {
    checkKey(key);
    const meter = new Meter(options.maxBytes);
    const source = remembered(metered(body, meter, options.signal));
    const upload = new Upload({
      client: this.#client,
      params: { Bucket: this.#bucket, Key: key, Body: Readable.from(source.chunks, { objectMode: false }) },
      partSize: this.#partBytes,
      queueSize: 2,
      leavePartsOnError: false,
    });
    try {
      const { ETag } = await upload.done();
      return { key, sizeBytes: meter.sizeBytes, etag: bareEtag(ETag), sha256: meter.sha256() };
    } catch (error) {
      body.destroy();
      // The SDK removes the parts itself when it fails; this also covers what it had in flight.
      await upload.abort().catch(() => undefined);
      throw source.failure() ?? storageUnavailable(error);
    }
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    checkKey(key);
    const Range = range === undefined ? undefined : `bytes=${range.start}-${range.end}`;
    const found = await orMissing(
      this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range })),
    );
    if (found === undefined) throw blobNotFound();
    if (!(found.Body instanceof Readable)) throw storageUnavailable(new Error('no body'));
    return found.Body;
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    checkKey(key);
    const found = await orMissing(
      this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key })),
    );
    if (found === undefined) return undefined;
    return { key, sizeBytes: found.ContentLength ?? 0, etag: bareEtag(found.ETag) };
  }

  /** Streamed through: the hash needs every byte anyway, and UploadPartCopy is not known to every store. */
  async concat(key: string, parts: readonly string[], options?: PutOptions) {
    return this.put(key, Readable.from(joined(parts, (part) => this.get(part))), options);
  }

  async delete(key: string): Promise<boolean> {
    // S3 answers a delete alike whether there was something or not.
    if ((await this.head(key)) === undefined) return false;
    await answered(this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key })));
    return true;
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    let token: string | undefined;
    do {
      const page = await answered(
        this.#client.send(
          new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token }),
        ),
      );
      for (const { Key, Size, ETag } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, sizeBytes: Size ?? 0, etag: bareEtag(ETag) };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async ping(): Promise<void> {
    await answered(this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket })));
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }
}

/** The SDK wraps what a body fails with; this keeps the error itself. */
function remembered(source: AsyncIterable<Buffer>): {
  chunks: AsyncGenerator<Buffer>;
  failure(): unknown;
} {
  let failure: unknown;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      yield* source;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { chunks: chunks(), failure: () => failure };
}

function createClient(options: S3BlobsOptions): S3Client {
  const { region, endpoint, accessKeyId, secretAccessKey } = options;
  return new S3Client({
    region,
    forcePathStyle: options.forcePathStyle ?? endpoint !== undefined,
    maxAttempts: 3,
    // Trailing checksums are an AWS extension that other stores refuse; TLS and our SHA-256 cover the bytes.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: options.connectTimeoutMs ?? 3_000,
      socketTimeout: options.silenceTimeoutMs ?? 60_000,
      httpAgent: { maxSockets: 512 },
      httpsAgent: { maxSockets: 512 },
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey } }),
  });
}

async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof AppError ? error : storageUnavailable(error);
  }
}

async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) {
      // A bucket that is not there is a fault of the deployment, never a missing file.
      if (error.name !== 'NoSuchBucket') return undefined;
    }
    throw storageUnavailable(error);
  }
}

function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replace(/^W\//, '').replaceAll('"', '');
}
