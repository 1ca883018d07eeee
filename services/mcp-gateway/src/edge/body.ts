import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../refusal.ts';

/** The cap on bodies (RF-51, RF-52). The rest of a body that is too large is not read, so the connection ends. */
export function refuseBodySize(maxBytes: number): Refusal {
  return refuse(413, ['body_too_large', `The body is larger than ${maxBytes} bytes.`], {
    nextAction: 'Send files with create_upload or by URL, and pass the asset id.',
    headers: { connection: 'close' },
  });
}

/**
 * Checks the length that a request announces. Only a call with a file may announce more than the cap (X3); what a
 * body really is and has is found out while it is read.
 */
export function createBodyCheck(
  maxBytes: number,
  mayBeUpload: (request: IncomingMessage) => boolean,
): (request: IncomingMessage) => Refusal | undefined {
  const refusal = refuseBodySize(maxBytes);
  return (request) => {
    const length = request.headers['content-length'];
    const isLarge = length !== undefined && Number(length) > maxBytes;
    return isLarge && !mayBeUpload(request) ? refusal : undefined;
  };
}

const notJson = refuse(415, ['unsupported_media_type', 'Send JSON with Content-Type: application/json.']);

export function checkContentType({ headers }: IncomingMessage): Refusal | undefined {
  const type = headers['content-type'];
  if (type === 'application/json') return undefined;
  const essence = type?.split(';', 1)[0]?.trim().toLowerCase();
  return essence === 'application/json' ? undefined : notJson;
}
