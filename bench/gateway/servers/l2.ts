// L2: raw Fastify that sends every request over NATS to a second process. KIND=request: the client's own request();
// KIND=map: one wildcard inbox and a map of our own (L2m). Progress comes on such an inbox in both.
import type { ServerResponse } from 'node:http';
import { connect } from '@nats-io/transport-node';
import fastify from 'fastify';
import { type BareRequest, frame, isStreamed, response, streamHeaders } from './frames.ts';
import { announcePort } from './listening.ts';

const nats = await connect({ servers: process.env.NATS_URL ?? '' });
const streams = new Map<string, { raw: ServerResponse; id: number }>();
const waiting = new Map<string, (text: string) => void>();
let counter = 0;

const inbox = `l2.${process.pid}`;
nats.subscribe(`${inbox}.*`, {
  callback: (_error, message) => {
    const text = message.string();
    const resolve = waiting.get(message.subject);
    if (resolve !== undefined) {
      waiting.delete(message.subject);
      return resolve(text);
    }
    const stream = streams.get(message.subject);
    if (stream === undefined) return;
    if (!text.startsWith('F')) return void stream.raw.write(frame(text.slice(1)));
    streams.delete(message.subject);
    stream.raw.end(frame(response(stream.id, text.slice(1))));
  },
});

async function ask(body: BareRequest): Promise<string> {
  const payload = JSON.stringify(body);
  if (process.env.KIND === 'map') {
    const { promise, resolve } = Promise.withResolvers<string>();
    const reply = `${inbox}.${++counter}`;
    waiting.set(reply, resolve);
    nats.publish('bench.l2', payload, { reply });
    return promise;
  }
  return (await nats.request('bench.l2', payload, { timeout: 10_000 })).string();
}

const app = fastify();
app.post<{ Body: BareRequest }>('/mcp', async (request, reply) => {
  const { body } = request;
  if (!isStreamed(body)) {
    const result = await ask(body);
    reply.header('content-type', 'application/json; charset=utf-8');
    return response(body.id, result);
  }
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, streamHeaders);
  raw.flushHeaders();
  const subject = `${inbox}.${++counter}`;
  streams.set(subject, { raw, id: body.id });
  raw.once('close', () => streams.delete(subject));
  nats.publish('bench.l2', JSON.stringify(body), { reply: subject });
  return reply;
});
await app.listen({ host: '127.0.0.1', port: 0 });
announcePort(app.server);
