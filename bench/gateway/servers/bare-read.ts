// The limit of a call that reads a pod: Node's own HTTP server and one `undici.request` to the platform, its answer parsed once and written
// as text and structure. Nothing is checked, counted, signed or bounded; what is not such a call has a fixed body.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { fixedResults } from './answers.ts';
import { response as frameOf } from './frames.ts';
import { listenAnywhere } from './listening.ts';

interface ReadRequest {
  id: number;
  method: string;
  params: { arguments: { id: string } };
}

/** What is used of the client that ours calls platforms with. */
interface Undici {
  Agent: new (options: { headersTimeout: number; bodyTimeout: number }) => object;
  request(
    url: string,
    options: { dispatcher: object; headers: Record<string, string> },
  ): Promise<{ body: { text(): Promise<string> } }>;
}

// as: the very package that ours has, which is no dependency of this folder.
const { Agent, request } = createRequire(new URL('../../../libs/providers/package.json', import.meta.url))(
  'undici',
) as Undici;
const platform = process.env.RUNPOD_REST_V2_API_URL ?? '';
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
const headers = { accept: '*/*', authorization: `Bearer ${process.env.RUNPOD_API_KEY}` };

async function resultOf({ method, params }: ReadRequest): Promise<string> {
  const fixed = fixedResults[method];
  if (fixed !== undefined) return fixed;
  const { body } = await request(`${platform}/pods/${params.arguments.id}`, { dispatcher, headers });
  const pod: unknown = JSON.parse(await body.text());
  return JSON.stringify({ content: [{ type: 'text', text: JSON.stringify(pod) }] });
}

async function answer(text: string, response: ServerResponse): Promise<void> {
  // as: the generator alone sends here.
  const asked = JSON.parse(text) as ReadRequest;
  const body = frameOf(asked.id, await resultOf(asked));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function take(incoming: IncomingMessage, response: ServerResponse): void {
  let text = '';
  incoming.setEncoding('utf8');
  incoming.on('data', (chunk: string) => {
    text += chunk;
  });
  incoming.on('end', () => void answer(text, response));
}

const server = createServer(take);
server.keepAliveTimeout = 75_000;
await listenAnywhere(server);
