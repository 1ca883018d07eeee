const mebibyte = 1024 * 1024;

/** The largest file of create_upload: what one PUT or all parts together may hold (5 GiB). */
export const maxUploadBytes = 5 * 1024 * mebibyte;

/** The largest file that upload_file copies (MR-32). */
export const maxCopyBytes = 200 * mebibyte;

const smallestPartBytes = 16 * mebibyte;

/** More parts would flood the conversation with URLs: a larger file has larger parts. */
const maxParts = 64;

export interface PartPlan {
  partBytes: number;
  /** 1: a single PUT. */
  partCount: number;
}

/** How a file of a declared size is cut: in parts of 16 MiB, past 1 GiB in 64 parts of whole MiB. */
export function planParts(sizeBytes: number): PartPlan {
  const fair = Math.ceil(sizeBytes / maxParts / mebibyte) * mebibyte;
  const partBytes = Math.max(smallestPartBytes, fair);
  return { partBytes, partCount: Math.max(1, Math.ceil(sizeBytes / partBytes)) };
}

/** Bytes of part `number`, counted from 1: all are full but the last. */
export function partLength(sizeBytes: number, number: number): number {
  const { partBytes } = planParts(sizeBytes);
  return Math.min(partBytes, sizeBytes - (number - 1) * partBytes);
}
