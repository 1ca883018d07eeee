import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** One JSON answer. The text is not made a buffer first, so that Node sends it with the head in one write. */
export function writeJson(
  response: ServerResponse,
  text: string,
  { status, headers }: { status: number; headers?: OutgoingHttpHeaders | undefined },
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
