// L1: raw Fastify that answers every method with a fixed body. Nothing that serves MCP can be faster on Fastify.
import fastify from 'fastify';
import { doneResultText, fixedResults, quickResultText, runSteps } from './answers.ts';
import { type BareRequest, frame, isStreamed, progress, response, streamHeaders } from './frames.ts';
import { announcePort } from './listening.ts';

const app = fastify();
app.post<{ Body: BareRequest }>('/mcp', async (request, reply) => {
  const { body } = request;
  if (!isStreamed(body)) {
    reply.header('content-type', 'application/json; charset=utf-8');
    return response(body.id, fixedResults[body.method] ?? quickResultText);
  }
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, streamHeaders);
  raw.flushHeaders();
  const token = body.params._meta?.progressToken;
  await runSteps(body.params.arguments.wait_seconds, (done, total) => {
    raw.write(frame(progress(token, done, total)));
  });
  raw.end(frame(response(body.id, doneResultText)));
  return reply;
});
await app.listen({ host: '127.0.0.1', port: 0 });
announcePort(app.server);
