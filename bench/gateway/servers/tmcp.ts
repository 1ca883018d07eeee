// tmcp, an implementation without the SDK: one server for all requests, wired as its README has it.
import { createServer } from 'node:http';
import { listedByDefault } from '@inferry/profiles';
import { createRequestListener } from '@remix-run/node-fetch-server';
import { ZodJsonSchemaAdapter } from '@tmcp/adapter-zod';
import { HttpTransport } from '@tmcp/transport-http';
import { McpServer } from 'tmcp';
import { answerCall, instructions } from './answers.ts';
import { listenAnywhere } from './listening.ts';

const server = new McpServer(
  { name: 'bench', version: '1.0.0', description: 'bench' },
  { adapter: new ZodJsonSchemaAdapter(), capabilities: { tools: { listChanged: true } }, instructions },
);
for (const { name, title, description, input, output, annotations } of listedByDefault) {
  const definition = { name, title, description, schema: input, outputSchema: output, annotations };
  server.tool(definition, async (args) => ({
    ...(await answerCall(name, args, (progress, total) => server.progress(progress, total))),
  }));
}
const transport = new HttpTransport(server, { path: '/mcp' });
const listener = createRequestListener(
  async (request) => (await transport.respond(request)) ?? new Response(null, { status: 404 }),
);
await listenAnywhere(createServer(listener));
