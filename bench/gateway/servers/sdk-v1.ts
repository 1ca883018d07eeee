// SDK v1's McpServer as its own stateless Express example has it; answers are SSE, the example's default.

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listedByDefault } from '@inferry/profiles';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { answerCall, instructions } from './answers.ts';
import { listenAnywhere } from './listening.ts';

function createServer(): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' }, { instructions });
  for (const { name, title, description, input, output, annotations } of listedByDefault) {
    const config = {
      title,
      description,
      inputSchema: input.shape,
      outputSchema: output.shape,
      annotations: { ...annotations },
    };
    server.registerTool(name, config, async (args, extra) => {
      const progressToken = extra._meta?.progressToken;
      const notify = (progress: number, total: number) =>
        extra.sendNotification({
          method: 'notifications/progress',
          // as: a token was sent, or nobody calls this.
          params: { progressToken: progressToken as string | number, progress, total },
        });
      return { ...(await answerCall(name, args, progressToken === undefined ? undefined : notify)) };
    });
  }
  return server;
}

const app = createMcpExpressApp();
app.post('/mcp', async (request: IncomingMessage & { body?: unknown }, response: ServerResponse) => {
  const server = createServer();
  const transport = new StreamableHTTPServerTransport({});
  await server.connect(transport);
  response.on('close', () => {
    void transport.close();
    void server.close();
  });
  await transport.handleRequest(request, response, request.body);
});
await listenAnywhere(createHttpServer(app));
