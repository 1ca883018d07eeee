import type { Readable } from 'node:stream';
import { AppError } from '@inferry/contracts';
import { request } from 'undici';

export interface OutputBody {
  content: Buffer | Readable;
  /** When it is known before it is read. */
  bytes: number | undefined;
}

/** Sends the bytes of an output to the upload service. */
export async function putOutput(
  url: string,
  { body, contentType, signal }: { body: OutputBody; contentType: string; signal: AbortSignal },
): Promise<void> {
  const headers: Record<string, string> = { 'content-type': contentType };
  if (body.bytes !== undefined) headers['content-length'] = String(body.bytes);
  const reply = await request(url, { method: 'PUT', headers, body: body.content, signal });
  await reply.body.dump({ limit: 65_536 });
  if (reply.statusCode >= 200 && reply.statusCode < 300) return;
  throw new AppError('unavailable', 'The output could not be stored.', { upstreamStatus: reply.statusCode });
}
