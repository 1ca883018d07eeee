import type { FastifyReply } from 'fastify';

/** Server-sent events, one after the other. */
export function sendEvents<T>(
  reply: FastifyReply,
  events: readonly T[],
  nameOf?: (event: T) => string,
): undefined {
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
  const [first, ...rest] = events.map((event) => {
    const name = nameOf === undefined ? '' : `event: ${nameOf(event)}\n`;
    return `${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;
  });
  reply.raw.write(first ?? '');
  // In a turn of its own, as from a network.
  setImmediate(() => reply.raw.end(rest.join('')));
  return undefined;
}
