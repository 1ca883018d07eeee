import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const info = { name: 'inferry-tests', version: '1.0.0' };
const callTimeoutMs = 60_000;

export interface ToolAnswer {
  isError?: boolean;
  structuredContent?: Record<string, unknown>;
}

export interface CallHooks {
  onProgress?: (progress: number) => void;
  signal?: AbortSignal;
}

/** The few things that every kind of client is tried with. */
export interface AnyClient {
  listTools(): Promise<string[]>;
  call(tool: string, args: Record<string, unknown>, hooks?: CallHooks): Promise<ToolAnswer>;
  close(): Promise<void>;
}

/** Every client that keeps a connection of some sort, by the name it is shown under. */
export const clientKinds: Readonly<Record<string, (url: string) => Promise<AnyClient>>> = {
  'SDK v2, pinned to 2026-07-28': (url) => connectNew(url, { pin: '2026-07-28' }),
  'SDK v2, choosing the era itself': (url) => connectNew(url, 'auto'),
  'SDK v2, legacy': (url) => connectNew(url, 'legacy'),
  'SDK v1': connectOld,
  'mcp-remote': connectThroughRemote,
};

async function connectNew(url: string, mode: 'auto' | 'legacy' | { pin: string }): Promise<AnyClient> {
  const client = new Client(info, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return wrap(client);
}

async function connectOld(url: string): Promise<AnyClient> {
  const client = new OldClient(info);
  // as: the SDK's own transport; its optional fields are typed without `undefined`.
  await client.connect(new OldTransport(new URL(url)) as Parameters<OldClient['connect']>[0]);
  return wrap(client);
}

/** A client over stdio, and the bridge that turns it into HTTP (RF-10, RW-12). */
async function connectThroughRemote(url: string): Promise<AnyClient> {
  const client = new Client(info, { versionNegotiation: { mode: 'legacy' } });
  const bridge = join(packageFolder('mcp-remote'), 'dist', 'proxy.js');
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [bridge, url, '--allow-http'],
      stderr: 'ignore',
    }),
  );
  return wrap(client);
}

function wrap(client: Client | OldClient): AnyClient {
  return {
    async listTools() {
      const { tools } = await client.listTools();
      return tools.map(({ name }) => name);
    },
    async call(name, args, { onProgress, signal } = {}) {
      const options = {
        timeout: callTimeoutMs,
        ...(onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) }),
        ...(signal && { signal }),
      };
      const params = { name, arguments: args };
      const result =
        client instanceof Client
          ? client.callTool(params, options)
          : client.callTool(params, undefined, options);
      // as: our tools answer with structured content that is an object.
      return (await result) as ToolAnswer;
    },
    close: () => client.close(),
  };
}

export interface Inspection {
  code: number;
  output: string;
}

/** The inspector's command line, which exits with 5 when a tool failed. */
export function inspect(url: string, args: readonly string[]): Promise<Inspection> {
  const launcher = join(
    packageFolder('@modelcontextprotocol/inspector'),
    'clients',
    'launcher',
    'build',
    'index.js',
  );
  const parameters = [launcher, '--cli', url, '--transport', 'http', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, parameters, { timeout: callTimeoutMs }, (error, stdout, stderr) => {
      resolve({
        code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1,
        output: stdout || stderr,
      });
    });
  });
}

function packageFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
