import type { IncomingMessage } from 'node:http';
import { AppError, unlessAborted } from '@inferry/contracts';

/** Results come by polling too: a platform that puts megabytes into a webhook is asked instead. */
export const maxWebhookBytes = 2 * 1_024 * 1_024;

/** The bytes as they come, since signatures are over these and nothing else. Throws `body_too_large`. */
export async function readWebhookBody(request: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxWebhookBytes) throw tooLarge();
  const late = () => new AppError('deadline_exceeded', 'The body did not come in time.');
  return await unlessAborted(collect(request), signal, late);
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Reading on would keep the connection; leaving the loop would end it before there is an answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    // as: without an encoding, a request yields buffers.
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > maxWebhookBytes) throw tooLarge();
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): AppError {
  return new AppError('body_too_large', `A webhook has at most ${maxWebhookBytes} bytes.`);
}
