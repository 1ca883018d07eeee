// The same tool behind everything that `bench -- gateways` compares: one GET at the platform. KIND says which server has it: the official
// SDK's first or second generation over HTTP, fastmcp over HTTP, or the first one over stdio, for those that stand before such a server.
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pathToFileURL } from 'node:url';
import { toolOf } from '@inferry/profiles';
import { createMcpFastifyApp } from '@modelcontextprotocol/fastify';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer as SecondServer } from '@modelcontextprotocol/server';
import { announce, announcePort, listenAnywhere } from './listening.ts';

const known = toolOf('runpod-4/get-pod');
if (known === undefined) throw new Error('the profile has no get-pod any more');
const { name, description, input } = known;
const about = { name: 'bench', version: '1.0.0' };

async function readPod({ id }: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${process.env.PLATFORM}/pods/${String(id)}`);
  return response.text();
}

const toResult = (text: string) => ({ content: [{ type: 'text' as const, text }] });

function createFirst(): McpServer {
  const server = new McpServer(about);
  const config = { description, inputSchema: input.shape };
  server.registerTool(name, config, async (args) => toResult(await readPod(args)));
  return server;
}

function createSecond(): SecondServer {
  const server = new SecondServer(about);
  const config = { description, inputSchema: input };
  server.registerTool(name, config, async (args) => toResult(await readPod(args)));
  return server;
}

async function serveFirst(): Promise<void> {
  const app = createMcpExpressApp();
  app.post('/mcp', async (request: IncomingMessage & { body?: unknown }, response: ServerResponse) => {
    const server = createFirst();
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    await server.connect(transport);
    response.on('close', () => {
      void transport.close();
      void server.close();
    });
    await transport.handleRequest(request, response, request.body);
  });
  await listenAnywhere(createHttpServer(app));
}

async function serveSecond(): Promise<void> {
  const app = createMcpFastifyApp();
  const handle = toNodeHandler(createMcpHandler(createSecond));
  // as: Node's own requests, whose optional fields may also be undefined.
  app.all('/mcp', (request, reply) =>
    handle(request.raw as NodeIncomingMessageLike, reply.raw, request.body),
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  announcePort(app.server);
}

/** What is used of a package that is installed for the comparison alone. */
interface FastMcp {
  addTool(tool: {
    name: string;
    description: string;
    parameters: unknown;
    execute(args: Record<string, unknown>): Promise<string>;
  }): void;
  start(options: {
    transportType: 'httpStream';
    httpStream: { port: number; host: string; stateless: boolean; enableJsonResponse: boolean };
  }): Promise<void>;
}

async function serveFastMcp(): Promise<void> {
  const loaded: unknown = await import(pathToFileURL(process.env.FASTMCP ?? '').href);
  // as: its class of that name takes these options.
  const { FastMCP } = loaded as { FastMCP: new (options: typeof about) => FastMcp };
  const server = new FastMCP(about);
  server.addTool({ name, description, parameters: input, execute: readPod });
  const port = Number(process.env.PORT);
  await server.start({
    transportType: 'httpStream',
    httpStream: { port, host: '127.0.0.1', stateless: true, enableJsonResponse: true },
  });
  announce(port);
}

const kinds: Readonly<Record<string, () => Promise<void>>> = {
  first: serveFirst,
  second: serveSecond,
  fastmcp: serveFastMcp,
  stdio: () => createFirst().connect(new StdioServerTransport()),
};
await kinds[process.env.KIND ?? '']?.();
