import type { ByteRange } from '@inferry/blobs';

/**
 * The single range that a `Range` header asks for (RFC 9110, section 14.1.2). `whole`: there is none, or one that may
 * be ignored (another unit, several ranges, bad syntax). `unsatisfiable`: it begins past the end.
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.replaceAll(' ', '') ?? '');
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  if (first === '') return suffix(Number(last), sizeBytes);
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}

function suffix(length: number, sizeBytes: number): ByteRange | 'unsatisfiable' {
  if (length === 0 || sizeBytes === 0) return 'unsatisfiable';
  return { start: Math.max(0, sizeBytes - length), end: sizeBytes - 1 };
}

export interface Validators {
  /** With its quotes. */
  etag: string;
  /** Whole seconds, epoch milliseconds. */
  modifiedAt: number;
}

type Header = string | undefined;

/** Whether the client's copy is still good (RFC 9110, section 13.1): `If-None-Match` wins over the date. */
export function isNotModified(
  headers: { ifNoneMatch: Header; ifModifiedSince: Header },
  validators: Validators,
): boolean {
  if (headers.ifNoneMatch !== undefined) {
    const tags = headers.ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return tags.includes('*') || tags.includes(validators.etag);
  }
  const since = Date.parse(headers.ifModifiedSince ?? '');
  return !Number.isNaN(since) && validators.modifiedAt <= since;
}

/** Whether a range may be sent: `If-Range` names exactly this content (RFC 9110, section 13.1.5). */
export function isSameContent(ifRange: Header, validators: Validators): boolean {
  if (ifRange === undefined || ifRange.trim() === validators.etag) return true;
  return Date.parse(ifRange) === validators.modifiedAt;
}
