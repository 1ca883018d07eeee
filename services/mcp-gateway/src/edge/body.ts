import type { IncomingMessage } from 'node:http';
import { refuseSize } from '@inferry/mcp';
import { type HttpRefusal, refuse, toHttp } from '../http-refusal.ts';
import { oneValue } from './one-value.ts';

/** The cap on bodies (RF-51, RF-52). The rest of a body that is too large is not read, so the connection ends. */
export function refuseBodySize(maxBytes: number): HttpRefusal {
  return { ...toHttp(refuseSize(maxBytes)), headers: { connection: 'close' } };
}

/**
 * Checks the length that a request announces. Only a call with a file may announce more than the cap (X3); what a
 * body really is and has is found out while it is read.
 */
export function createBodyCheck(
  maxBytes: number,
  mayBeUpload: (request: IncomingMessage) => boolean,
): (request: IncomingMessage) => HttpRefusal | undefined {
  const refusal = refuseBodySize(maxBytes);
  return (request) => {
    const length = request.headers['content-length'];
    const isLarge = length !== undefined && Number(length) > maxBytes;
    return isLarge && !mayBeUpload(request) ? refusal : undefined;
  };
}

const notJson = refuse(415, ['unsupported_media_type', 'Send JSON with Content-Type: application/json.']);

export function checkContentType({ headers }: IncomingMessage): HttpRefusal | undefined {
  const type = headers['content-type'];
  if (type === 'application/json') return undefined;
  const essences = type?.split(',', 9).map((value) => value.split(';', 1)[0]?.trim().toLowerCase());
  return essences?.every((essence) => essence === 'application/json') ? undefined : notJson;
}

const encoded = refuse(415, ['unsupported_media_type', 'Send the body as it is, without Content-Encoding.'], {
  headers: { 'accept-encoding': 'identity' },
});

/** Nothing is unpacked here: a small body could become a large one (RFC 9110, section 12.5.3). */
export function checkContentEncoding({ headers }: IncomingMessage): HttpRefusal | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined) return undefined;
  return (oneValue(encoding) ?? 'identity').toLowerCase() === 'identity' ? undefined : encoded;
}
