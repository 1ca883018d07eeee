import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { AppError, callOf, createUpload, hint } from '@inferry/contracts';

/** A file on its way to the data plane. */
export interface FilePut {
  /** Resolves when the bytes have left, so that their place can be used again and nothing piles up here. */
  write(bytes: Buffer): Promise<void>;
  /** Resolves when the file is stored. */
  end(): Promise<void>;
  /** Gives the file up; what was sent of it is thrown away there. */
  destroy(): void;
}

/** The longest that the storage may let a piece, or its answer, wait. */
const patienceMs = 60_000;

const unavailable = () =>
  new AppError('unavailable', 'The file cannot be stored now.', {
    retryAfterSeconds: 5,
    nextAction: hint`Retry; for a large file ${callOf(createUpload)} is the better way.`,
  });

/** Sends a file of unknown length to a one-time PUT URL. */
export function putFile(url: string): FilePut {
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  const put = send(url, {
    method: 'PUT',
    timeout: patienceMs,
  });
  put.on('timeout', () => put.destroy());
  // Settles once, whatever happens first; an answer before the end is a refusal.
  const answered = new Promise<number>((resolve, reject) => {
    put.once('response', (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    put.once('error', reject);
    put.once('close', () => reject(unavailable()));
  });
  answered.catch(() => {
    // Told to whoever writes or ends; a file that is given up has nobody to tell.
  });
  return {
    async write(bytes) {
      const sent = new Promise<boolean>((resolve) => put.write(bytes, (error) => resolve(!error)));
      const isSent = await Promise.race([sent, answered.then(refused, refused)]);
      if (!isSent) throw unavailable();
    },
    async end() {
      put.end();
      const status = await answered.catch(() => 0);
      if (status !== 200) throw unavailable();
    },
    destroy: () => put.destroy(),
  };
}

/** An answer or an end before the file's own end. */
function refused(): boolean {
  return false;
}
