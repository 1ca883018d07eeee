import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A platform that a test plays: every call gets `answer`, or what `handle` makes of it. */
export interface StandIn {
  url: string;
  /** An object is sent as JSON, a text as it is. */
  answer: unknown;
  handle: ((request: SeenRequest, response: ServerResponse) => void) | undefined;
  seen: SeenRequest[];
  close(): Promise<void>;
}

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export async function startStandIn(): Promise<StandIn> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    // as: without an encoding, a request yields buffers.
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
    standIn.seen.push(seen);
    if (standIn.handle !== undefined) return standIn.handle(seen, response);
    response.setHeader('content-type', 'application/json');
    response.end(typeof standIn.answer === 'string' ? standIn.answer : JSON.stringify(standIn.answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: a server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const standIn: StandIn = {
    url: `http://127.0.0.1:${port}`,
    answer: {},
    handle: undefined,
    seen: [],
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return standIn;
}
