// SDK v2's low-level Server with a list made beforehand: the least that the SDK costs.
import { createMcpFastifyApp } from '@modelcontextprotocol/fastify';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { answerCall, instructions, listText } from './answers.ts';
import { announcePort } from './listening.ts';

const list = JSON.parse(listText);

function createServer(): Server {
  const server = new Server(
    { name: 'bench', version: '1.0.0' },
    { capabilities: { tools: {} }, instructions },
  );
  server.setRequestHandler('tools/list', () => list);
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    const notify = (progress: number, total: number) =>
      // as: a token was sent, or nobody calls this.
      context.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken: progressToken as string | number, progress, total },
      });
    const args = params.arguments ?? {};
    return { ...(await answerCall(params.name, args, progressToken === undefined ? undefined : notify)) };
  });
  return server;
}

const app = createMcpFastifyApp();
const handle = toNodeHandler(createMcpHandler(createServer));
// as: Node's own requests, whose optional fields may also be undefined.
app.all('/mcp', (request, reply) => handle(request.raw as NodeIncomingMessageLike, reply.raw, request.body));
await app.listen({ host: '127.0.0.1', port: 0 });
announcePort(app.server);
