// SDK v2's McpServer as its guide for Fastify has it: a server per request, schemas made once.

import { listedByDefault } from '@inferry/profiles';
import { createMcpFastifyApp } from '@modelcontextprotocol/fastify';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { answerCall, instructions } from './answers.ts';
import { announcePort } from './listening.ts';

function createServer(): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' }, { instructions });
  for (const { name, title, description, input, output, annotations } of listedByDefault) {
    const config = { title, description, inputSchema: input, outputSchema: output, annotations };
    server.registerTool(name, config, async (args, context) => {
      const progressToken = context.mcpReq._meta?.progressToken;
      const notify = (progress: number, total: number) =>
        // as: a token was sent, or nobody calls this.
        context.mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken: progressToken as string | number, progress, total },
        });
      const result = await answerCall(name, args, progressToken === undefined ? undefined : notify);
      return { ...result };
    });
  }
  return server;
}

const app = createMcpFastifyApp();
const handle = toNodeHandler(createMcpHandler(createServer));
// as: Node's own requests, whose optional fields may also be undefined.
app.all('/mcp', (request, reply) => handle(request.raw as NodeIncomingMessageLike, reply.raw, request.body));
await app.listen({ host: '127.0.0.1', port: 0 });
announcePort(app.server);
