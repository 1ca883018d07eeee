import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Step } from '../src/contract-suite/vector.ts';
import type { AdapterDefinition } from '../src/definition.ts';

export interface RecordingProxy {
  bases: { api: string; [name: string]: string };
  steps: Step[];
  close(): void;
}

const replyHeaders = ['content-type', 'retry-after', 'location'];

/**
 * Stands between an adapter and the live service, and keeps what both said: without headers that carry keys, and with
 * the service's own addresses replaced by `{{base}}` (`{{base_rest}}` for the base `rest`).
 */
export async function startRecordingProxy(
  bases: Readonly<Record<string, string>>,
  secrets: readonly string[],
): Promise<RecordingProxy> {
  const steps: Step[] = [];
  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const own = Object.fromEntries(Object.keys(bases).map((name) => [name, `${origin}/${name}`]));

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin);
    const [, name = 'api', ...rest] = url.pathname.split('/');
    const path = `/${rest.join('/')}`;
    const sent = await readText(request);
    const headers = Object.entries(request.headers).filter(
      ([key]) => !/^(host|connection|content-length)$/.test(key),
    );
    const reply = await fetch(`${bases[name]}${path}${url.search}`, {
      method: request.method ?? 'GET',
      redirect: 'manual',
      // as: this client sends each header once.
      headers: { ...(Object.fromEntries(headers) as Record<string, string>), 'accept-encoding': 'identity' },
      ...(sent.byteLength > 0 && { body: new Uint8Array(sent) }),
    });
    const received = Buffer.from(await reply.arrayBuffer());
    const kept = replyHeaders.flatMap((key): [string, string][] => {
      const value = reply.headers.get(key);
      return value === null ? [] : [[key, value]];
    });
    const hide = (text: string) => secrets.reduce((all, secret) => all.replaceAll(secret, '[secret]'), text);
    const outward = (text: string) =>
      replaceBases(text, bases, (base) => `{{base${base === 'api' ? '' : `_${base}`}}}`);
    steps.push({
      request: {
        // as: what the adapters send.
        method: (request.method ?? 'GET') as Step['request']['method'],
        path: decodeURIComponent(path),
        base: name,
        query: Object.fromEntries(url.searchParams),
        body: parse(hide(sent.toString())),
      },
      response: {
        status: reply.status,
        headers: Object.fromEntries(kept),
        body: parse(outward(hide(received.toString()))),
      },
    });
    response.writeHead(reply.status, Object.fromEntries(kept));
    const isText = /json|text/.test(reply.headers.get('content-type') ?? '');
    response.end(isText ? replaceBases(received.toString(), bases, (base) => own[base] ?? '') : received);
  }
  return {
    // as: every definition has `api` among its bases.
    bases: own as RecordingProxy['bases'],
    steps,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The bases of an adapter as the environment moves them. */
export function liveBases(definition: AdapterDefinition, env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(definition.bases).flatMap(([name, { url, variable }]) => {
      const base = env[variable] || url;
      return base === undefined ? [] : [[name, base.replace(/\/+$/, '')]];
    }),
  );
}

function replaceBases(
  text: string,
  bases: Readonly<Record<string, string>>,
  to: (name: string) => string,
): string {
  // The longest first: one base may begin with another.
  const ordered = Object.entries(bases).sort(([, left], [, right]) => right.length - left.length);
  return ordered.reduce((all, [name, base]) => all.replaceAll(base, to(name)), text);
}

async function readText(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    // No JSON: only that there was something is kept.
    return '[not JSON]';
  }
}
