export type { BlobInfo, Blobs, ByteRange, PutOptions } from './blobs.ts';
