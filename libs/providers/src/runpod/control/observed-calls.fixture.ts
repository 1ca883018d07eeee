/** A platform on loopback that answers as it was seen to, and calls of the control plane against it. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, Secret } from '@inferry/contracts';
import { PlatformClient } from '../../http/index.ts';
import { RunpodControl } from './native.ts';
import { parseRestVersions } from './versions.ts';
import type { Edition } from './wire.ts';

/** What Runpod's own server was seen to do: a call, its requests, the replies it got, and its result. */
export interface Observed {
  id: string;
  tool: string;
  rest: string;
  on: string;
  edition?: Edition;
  args: Record<string, unknown>;
  asks?: [method: string, url: string, document: number | null, body: unknown][];
  replies?: [status: number, headers: Record<string, string>, body: number][];
  fails?: boolean;
  json?: number;
  names?: number;
  note?: string;
}

const path = new URL('observed-calls.generated.json', import.meta.url);
export const { shared, vectors }: { shared: unknown[]; vectors: Observed[] } = JSON.parse(
  readFileSync(path, 'utf8'),
);

interface Seen {
  method: string;
  base: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

let origin = '';
export let seen: Seen[] = [];
let replies: NonNullable<Observed['replies']> = [];

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const [, base = '', rest = ''] = /^\/([^/?]+)(.*)$/.exec(request.url ?? '') ?? [];
  seen.push({
    method: request.method ?? '',
    base,
    url: `{${base}}${rest}`,
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
  });
  const [status, headers, body] = replies[seen.length - 1] ?? [599, {}, -1];
  const content = shared[body];
  response.writeHead(status, headers);
  response.end(
    content === null ? undefined : typeof content === 'string' ? content : JSON.stringify(content),
  );
}

const server = createServer((request, response) => void answer(request, response));
const bases = {
  api: 'serverless',
  rest: 'rest_v2',
  rest1: 'rest_v1',
  graphql: 'graphql_public',
  account: 'graphql_authed',
};
let client: PlatformClient;

export async function openStub(): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: it listens on TCP.
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const urls = Object.fromEntries(Object.entries(bases).map(([name, path]) => [name, `${origin}/${path}`]));
  client = new PlatformClient({
    title: 'Runpod',
    bases: { api: `${origin}/serverless`, ...urls },
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    readRetries: 0,
  });
}

export async function closeStub(): Promise<void> {
  await client.close();
  await new Promise((resolve) => server.close(resolve));
}

function control(rest: string): RunpodControl {
  return new RunpodControl({
    client,
    versions: parseRestVersions({ RUNPOD_REST_VERSION: rest }),
    pause: async () => undefined,
  });
}

/** What the tools of edition 4 take, which it says by itself where something else came. */
const schemasFile = new URL(
  '../../../../profiles/src/runpod/observed-schemas.generated.json',
  import.meta.url,
);
const schemas: Record<string, Record<string, { properties: object; required: string[] }>> = JSON.parse(
  readFileSync(schemasFile, 'utf8'),
);

function argumentsOf({ edition, tool }: Observed): { accepted?: string[]; required?: string[] } {
  const known = edition === '4.0.0' ? schemas['runpod-4']?.[tool] : undefined;
  return known === undefined ? {} : { accepted: Object.keys(known.properties), required: known.required };
}

export async function run(
  vector: Observed,
  transport: 'stdio' | 'http',
): Promise<{ body?: unknown; error?: AppError; isError: boolean }> {
  seen = [];
  replies = vector.replies ?? [];
  const { tool: name, args, edition = '3.4.0', rest } = vector;
  const caller = { name: 'a client', version: '1.0', transport, sessionId: 'uuid-1' } as const;
  const context = { credential: new Secret('rpa_key'), signal: new AbortController().signal };
  try {
    const { body, isError = false } = await control(rest).call({
      ...{ name, args, edition, caller, context },
      ...argumentsOf(vector),
    });
    return { body, isError };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { error, isError: true };
  }
}
