export type { BlobInfo, Blobs, ByteRange, PutOptions } from './blobs.ts';
export { createFolderBlobs, type FolderBlobsOptions } from './folder/folder-blobs.ts';
