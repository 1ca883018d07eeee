import { validationFailed } from '@inferry/contracts';
import { essence } from '../assets/content-type.ts';

export interface InlineBytes {
  bytes: Buffer;
  contentType: string | undefined;
}

/** Base64 (standard or URL-safe, line breaks allowed) or a `data:` URI (RFC 2397) with base64. */
export function parseInlineBytes(value: string): InlineBytes {
  const uri = /^data:([^,;]{0,200})((?:;[^,;]{0,200}){0,8}),/i.exec(value);
  if (uri === null && value.startsWith('data:')) throw invalid('is not a data URI');
  if (uri !== null && !/;base64$/i.test(uri[2] ?? '')) throw invalid('must be a data URI with base64');
  const encoded = value.slice(uri?.[0].length ?? 0).replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded) || encoded.replace(/=+$/, '').length % 4 === 1) {
    throw invalid('is not base64');
  }
  return { bytes: Buffer.from(encoded, 'base64'), contentType: essence(uri?.[1]) };
}

function invalid(message: string): Error {
  return validationFailed('upload_file', [
    { path: 'base64', message, hint: 'for a local file use create_upload: it needs no base64' },
  ]);
}
