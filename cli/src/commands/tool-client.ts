/** Tools as the command line calls them: through the official SDK's client, at a server or at the system of this process. */
import { createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, isObject, type JsonObject } from '@inferry/contracts';
import { ConfigError, type Env } from '@inferry/runtime';
import {
  Client,
  type JSONRPCMessage,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { type LocalSystem, openLocal } from '../local-system.ts';
import type { ProgressView } from './progress-view.ts';

export interface CallView {
  view?: ProgressView | undefined;
  signal?: AbortSignal | undefined;
}

export interface ToolClient {
  /** Calls a tool and returns its structure; a result with `isError` rejects with an `AppError`. */
  call(tool: string, args: JsonObject, options?: CallView): Promise<JsonObject>;
  close(): Promise<void>;
}

/** A run as `get_run` shows it (docs/tools.md). */
export interface RunView {
  run_id: string;
  status: string;
  model?: string;
  created_at?: string;
  finished_at?: string;
  outputs?: {
    index?: number;
    kind?: string;
    url?: string;
    mime_type?: string;
    text?: string;
    truncated?: boolean;
  }[];
  notes?: string[];
  cost?: { charged?: number; estimated?: number; currency?: string; unknown?: boolean };
  error?: { code?: string; message?: string; next_action?: string };
}

const callTimeoutMs = 630_000;
const info = { name: 'inferry-cli', version: '1.0.0' };
/** What ending may take before this process goes all the same. */
const graceMs = 1_000;

/** At the address that was asked for, or that INFERRY_URL has; else at a system in this process, on the data folder. */
export async function connectTools(env: Env, address: string | undefined): Promise<ToolClient> {
  const url = address ?? (env.INFERRY_URL || undefined);
  return url === undefined ? connectLocal(env) : connectServer(url, env.INFERRY_KEY || undefined);
}

/** The official client over Streamable HTTP, with a key where the server asks for one. */
export async function connectServer(url: string, key: string | undefined): Promise<ToolClient> {
  if (!URL.canParse(url)) throw new ConfigError([`${url.slice(0, 80)} is no address: https://…/mcp`]);
  const client = new Client(info);
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  } catch (error) {
    throw noServer(url, error);
  }
  return toToolClient(client, () => client.close());
}

function noServer(url: string, error: unknown): AppError {
  const reason =
    error instanceof Error
      ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`
      : '';
  if (/ECONNREFUSED|fetch failed|ENOTFOUND/.test(reason)) {
    return new AppError('unavailable', `Nothing answers at ${url}.`, {
      nextAction: 'Start it first: npm start.',
    });
  }
  if (/401|Unauthorized/i.test(reason)) {
    return new AppError('missing_authorization', `${url} asks for a key.`, {
      nextAction: 'Put one into INFERRY_KEY (npm run keys -- create makes one).',
    });
  }
  return new AppError('unavailable', `${url} does not speak MCP: ${reason.trim().slice(0, 200)}`);
}

async function connectLocal(env: Env): Promise<ToolClient> {
  const local = await openLocal({ LOG_LEVEL: 'error', ...env });
  const starting = local.start();
  const client = new Client(info);
  await Promise.all([starting, client.connect(new InProcessTransport(local))]);
  return toToolClient(client, async () => {
    await client.close();
    await (await starting).close(graceMs);
  });
}

/** The endpoint over stdio without the streams. */
class InProcessTransport implements Transport {
  readonly #local: LocalSystem;
  #endpoint: ReturnType<LocalSystem['front']['gateway']['openStdio']> | undefined;
  onmessage?: (message: JSONRPCMessage) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  constructor(local: LocalSystem) {
    this.#local = local;
  }

  async start(): Promise<void> {
    const { front, filesUrl } = this.#local;
    const writer = {
      isFull: false,
      write: (line: string) => queueMicrotask(() => this.onmessage?.(JSON.parse(line))),
    };
    this.#endpoint = front.gateway.openStdio('inferry', writer, { filesUrl });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#endpoint?.take(Buffer.from(`${JSON.stringify(message)}\n`));
  }

  async close(): Promise<void> {
    this.#endpoint?.gone();
    this.onclose?.();
  }
}

function toToolClient(client: Client, close: () => Promise<void>): ToolClient {
  return {
    async call(tool, args, { view, signal } = {}) {
      const result = await client.callTool(
        { name: tool, arguments: args },
        {
          timeout: callTimeoutMs,
          resetTimeoutOnProgress: true,
          ...(signal && { signal }),
          ...(view && { onprogress: ({ progress, message }) => view.update(progress, message) }),
        },
      );
      const structured = isObject(result.structuredContent) ? result.structuredContent : {};
      if (result.isError === true) throw toFailure(structured.error, result.content);
      return structured;
    },
    close,
  };
}

function toFailure(error: unknown, content: unknown): AppError {
  if (isObject(error) && typeof error.message === 'string') {
    return new AppError('upstream_failed', sayProblems(error.message, error.details), {
      ...(typeof error.next_action === 'string' && { nextAction: error.next_action }),
    });
  }
  const blocks = Array.isArray(content) ? content : [];
  const said = blocks.map((block) => (isObject(block) ? block.text : undefined)).filter(Boolean);
  return new AppError('upstream_failed', said.join(' ') || 'It failed and did not say why.');
}

/** Which arguments are wrong is a detail to a program, and all that a person wants to know. */
function sayProblems(message: string, details: unknown): string {
  const errors = isObject(details) && Array.isArray(details.errors) ? details.errors : [];
  const problems = errors.filter(isObject).map(({ path, message: what, hint }) => {
    const more = typeof hint === 'string' ? ` (${hint})` : '';
    return `${String(path)} ${String(what)}${more}`;
  });
  return problems.length === 0 || message.includes(String(errors[0]?.message))
    ? message
    : `${message} ${problems.join('; ')}.`;
}

/** The file goes straight from this machine to the data plane: never through a conversation. */
export async function upload(client: ToolClient, path: string, name = basename(path)): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const order = await client.call('create_upload', { file_name: name, size: Math.max(1, size) });
    const { upload_url: url, part_url: partUrl, part_count: count = 1 } = order;
    const partBytes = Number(order.part_bytes ?? Math.max(1, size));
    for (let at = 0; at < Number(count); at += 1) {
      const body = new Uint8Array(Math.max(0, Math.min(partBytes, size - at * partBytes)));
      await file.read(body, 0, body.length, at * partBytes);
      const target = partUrl === undefined ? String(url) : String(partUrl).replace('{part}', String(at + 1));
      // as: headers of an upload are texts.
      const response = await fetch(target, {
        method: 'PUT',
        headers: order.headers as Record<string, string>,
        body,
      });
      if (!response.ok) {
        throw new AppError(
          'unavailable',
          `The upload was answered ${response.status}: ${(await response.text()).slice(0, 200)}`,
        );
      }
    }
    return String(order.asset_id);
  } finally {
    await file.close();
  }
}

/** Waits for the end of a run, however often that takes. */
export async function follow(client: ToolClient, first: JsonObject, options: CallView): Promise<RunView> {
  // as: the shape of the `run` object in docs/tools.md.
  let run = first.run as RunView;
  while (run.status === 'queued' || run.status === 'running') {
    const next = await client.call('get_run', { run_id: run.run_id, wait_seconds: 45 }, options);
    run = next.run as RunView;
  }
  options.view?.end();
  return run;
}

/** `6.4 s, 0.07 USD` */
export function toldCost({ created_at: from, finished_at: to, cost }: RunView): string {
  const seconds =
    from === undefined || to === undefined
      ? []
      : [`${((Date.parse(to) - Date.parse(from)) / 1_000).toFixed(1)} s`];
  const charged = cost?.charged ?? 0;
  const price =
    cost?.unknown === true
      ? 'cost not known'
      : charged === 0
        ? 'free'
        : `${charged} ${cost?.currency ?? 'USD'}`;
  return [...seconds, price].join(', ');
}

/** Writes the file of a link where it is wanted, over what is there; makes its folder. Returns the path. */
export async function saveFile(url: string, path: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    throw new AppError('unavailable', `The link of an output was answered ${response.status}.`);
  }
  await mkdir(dirname(path), { recursive: true });
  // as: the same stream by the name that Node's own types have for it.
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(path));
  return path;
}
