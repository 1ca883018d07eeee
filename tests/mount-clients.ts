/** Clients that meet a mount: both generations of the official one, and plain JSON of both eras of the protocol. */

import type { JsonObject } from '@inferry/contracts';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

export interface Answer {
  content: { type: string; text?: string; uri?: string }[];
  structuredContent?: JsonObject;
  isError?: boolean;
}

/** A mount as a client met it. */
export interface Met {
  serverName: string;
  instructions: string;
  tools: { name: string; outputSchema?: unknown }[];
  call(name: string, args: JsonObject, onProgress?: (progress: number) => void): Promise<Answer>;
  close(): Promise<void>;
}

const info = { name: 'some-agent', version: '1.0.0' };
/** Longer than a machine is ever busy. */
const timeout = 60_000;
const modern = '2026-07-28';
const legacy = '2025-11-25';
const meta = 'io.modelcontextprotocol';

export const mountClients: Readonly<Record<string, (url: string) => Promise<Met>>> = {
  'plain JSON of 2025-11-25': (url) => meetPlain(url, false),
  'plain JSON of 2026-07-28': (url) => meetPlain(url, true),
  'SDK v1': meetOld,
  'SDK v2, legacy': (url) => meetNew(url, 'legacy'),
  'SDK v2, pinned to 2026-07-28': (url) => meetNew(url, { pin: modern }),
};

async function meetNew(url: string, mode: 'legacy' | { pin: string }): Promise<Met> {
  const client = new Client(info, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return metBy(client);
}

/** The server that a client is connected to, by whatever transport. */
export async function metBy(client: Client): Promise<Met> {
  const { tools } = await client.listTools();
  return {
    serverName: client.getServerVersion()?.name ?? '',
    instructions: client.getInstructions() ?? '',
    tools,
    async call(name, args, onProgress) {
      const onprogress = ({ progress }: { progress: number }) => onProgress?.(progress);
      // as: results of tools that are no tasks.
      return (await client.callTool({ name, arguments: args }, { timeout, onprogress })) as Answer;
    },
    close: () => client.close(),
  };
}

async function meetOld(url: string): Promise<Met> {
  const client = new OldClient(info);
  // as: the SDK's own transport; its optional fields are typed without `undefined`.
  await client.connect(new OldTransport(new URL(url)) as Parameters<OldClient['connect']>[0]);
  const { tools } = await client.listTools();
  return {
    serverName: client.getServerVersion()?.name ?? '',
    instructions: client.getInstructions() ?? '',
    tools,
    async call(name, args, onProgress) {
      const onprogress = ({ progress }: { progress: number }) => onProgress?.(progress);
      const params = { name, arguments: args };
      // as: results of tools that are no tasks.
      return (await client.callTool(params, undefined, { timeout, onprogress })) as Answer;
    },
    close: () => client.close(),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: plain JSON, as a script has it.
type Json = any;

type OnProgress = (progress: number) => void;

interface Message {
  id: number;
  method: string;
  params: JsonObject;
  token: JsonObject;
}

async function meetPlain(url: string, isModern: boolean): Promise<Met> {
  let lastId = 0;
  async function ask(method: string, params: JsonObject, onProgress?: OnProgress): Promise<Json> {
    lastId += 1;
    const token = onProgress === undefined ? {} : { progressToken: lastId };
    const message = { id: lastId, method, params, token };
    const sent = isModern ? writeModern(message) : writeLegacy(message);
    const response = await fetch(url, { method: 'POST', ...sent });
    const messages = messagesIn(await response.text());
    for (const one of messages)
      if (one.method === 'notifications/progress') onProgress?.(one.params.progress);
    const { error, result } = messages.at(-1) ?? {};
    if (error !== undefined) throw new Error(error.message);
    return result;
  }
  const hello = isModern
    ? await ask('server/discover', {})
    : await ask('initialize', { protocolVersion: legacy, capabilities: {}, clientInfo: info });
  const { tools } = await ask('tools/list', {});
  const { serverInfo = hello._meta?.[`${meta}/serverInfo`], instructions = '' } = hello;
  return {
    serverName: serverInfo?.name ?? '',
    instructions,
    tools,
    call: (name, args, onProgress) => ask('tools/call', { name, arguments: args }, onProgress),
    close: async () => undefined,
  };
}

const plainHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

function writeLegacy({ id, method, params, token }: Message) {
  const version = method === 'initialize' ? {} : { 'mcp-protocol-version': legacy };
  return {
    headers: { ...plainHeaders, ...version },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: token } }),
  };
}

function writeModern({ id, method, params, token }: Message) {
  const name = typeof params.name === 'string' ? { 'mcp-name': params.name } : {};
  const envelope = {
    [`${meta}/protocolVersion`]: modern,
    [`${meta}/clientCapabilities`]: {},
    [`${meta}/clientInfo`]: info,
  };
  return {
    headers: { ...plainHeaders, 'mcp-protocol-version': modern, 'mcp-method': method, ...name },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method,
      params: { ...params, _meta: { ...envelope, ...token } },
    }),
  };
}

/** Of an answer in JSON, or of a stream of events. */
function messagesIn(text: string): Json[] {
  if (text.startsWith('{')) return [JSON.parse(text)];
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)));
}
