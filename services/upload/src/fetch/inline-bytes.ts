import {
  callOf,
  createUpload,
  fromBase64,
  hint,
  readDataUri,
  uploadFile,
  validationFailed,
} from '@inferry/contracts';

export interface InlineBytes {
  bytes: Buffer;
  contentType: string | undefined;
}

/** Base64 (standard or URL-safe, line breaks allowed), or a `data:` URI. */
export function parseInlineBytes(value: string): InlineBytes {
  if (isPath(value)) throw invalid('is a path of your machine, which cannot be read here');
  const isUri = /^\s*data:/i.test(value);
  // The field says base64, and what is streamed through a gateway is read so alone.
  if (isUri && !/^[^,]*;\s*base64\s*,/i.test(value.slice(0, 1_000)))
    throw invalid('must be a data URI with base64');
  const uri = isUri ? readDataUri(value) : undefined;
  const bytes = isUri ? uri?.bytes : fromBase64(value);
  if (bytes === undefined) throw invalid(isUri ? 'is not a data URI that can be read' : 'is not base64');
  if (bytes.byteLength === 0) throw invalid('is empty');
  return { bytes, contentType: uri?.contentType };
}

/** Some paths are base64 as well; the beginning of a picture is no path that anybody has. */
function isPath(value: string): boolean {
  if (value.length > 1_000) return false;
  const text = value.trim();
  if (/^(file:\/\/|[A-Za-z]:[\\/]|~[\\/]|\.{1,2}[\\/]|\\\\)/.test(text)) return true;
  return /^\/(home|users|tmp|var|mnt|media|opt|root|etc|usr|srv|private|volumes|workspace|app|data)\//i.test(
    text,
  );
}

function invalid(message: string): Error {
  return validationFailed(callOf(uploadFile), [
    { path: 'base64', message, hint: hint`for a local file use ${callOf(createUpload)}: it needs no base64` },
  ]);
}
