/** What an HTTP answer goes into, and how it is written. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Principal } from '@inferry/contracts';
import type { Offer } from '@inferry/mcp';

/**
 * One JSON answer. The text is not made a buffer first, so that Node sends it with the head in one write; what has a byte
 * for each character, as almost every answer, is copied as it is.
 */
export function writeJson(
  response: ServerResponse,
  text: string,
  { status, headers }: { status: number; headers?: OutgoingHttpHeaders | undefined },
): void {
  const bytes = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes, ...headers });
  response.end(text, bytes === text.length ? 'latin1' : 'utf8');
}

/** The answer to what gets no response: it was taken. */
export function writeAccepted({ response, headers }: Answerable): void {
  response.writeHead(202, { 'content-length': 0, ...headers }).end();
}

/** Whether so much of a body is still to come that the connection is better given up. */
export function isUnread(request: IncomingMessage, maxBytes: number): boolean {
  if (request.complete) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return length === undefined ? encoding !== undefined : Number(length) > maxBytes;
}

/**
 * One JSON answer to a request whose body goes on. A sender that meets a closed connection never reads why, so it
 * gets the answer and may go on for a moment; then the connection ends.
 */
export function endBeforeBody(
  response: ServerResponse,
  text: string,
  answer: { status: number; headers?: OutgoingHttpHeaders | undefined; lingerMs: number },
): void {
  const { req: request } = response;
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...answer.headers,
    connection: 'close',
  });
  response.write(text);
  const timer = setTimeout(finish, answer.lingerMs);
  function finish(): void {
    clearTimeout(timer);
    request.off('end', finish).off('close', finish);
    response.end();
  }
  request.on('end', finish).on('close', finish);
  request.resume();
}

/** What an answer goes into. */
export interface Answerable {
  response: ServerResponse;
  /** Sent with whatever the answer is: not set on the response, which would put its head together in two steps. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** One request that was let in. */
export interface Admitted extends Answerable {
  request: IncomingMessage;
  principal: Principal;
  /** How long it took to know whom it is for and to count it; its body has its own time. */
  heldMs?: number | undefined;
}

/** The same with the mount that it came to, which may be gone before it is answered. */
export interface Post extends Admitted {
  offer: Offer;
}
