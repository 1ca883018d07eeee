/** The HTTP API of a container engine (Docker, Podman) over its socket: one request, one reply, nothing repeated. */
import { request } from 'node:http';
import { AppError, ConfigError } from '@inferry/contracts';

/** A Unix socket, or a port of this machine. */
export interface EngineAddress {
  socketPath?: string;
  port?: number;
  /** Below which the API is. */
  prefix?: string;
}

export interface EngineReply {
  status: number;
  body: Buffer;
}

export interface EngineCall {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  query?: Readonly<Record<string, string | number>>;
  json?: unknown;
  signal: AbortSignal;
}

const timeoutMs = 30_000;
const maxReplyBytes = 4 << 20;

/** `/run/podman/podman.sock`, `unix:///var/run/docker.sock`, `http://127.0.0.1:2375`: an engine elsewhere is refused. */
export function parseEngineAddress(text: string): EngineAddress {
  const path = text.replace(/^unix:(\/\/)?/, '');
  if (path.startsWith('/')) return { socketPath: path };
  const url = URL.parse(text);
  const isHere = url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'http:' && isHere && url.port !== '') return { port: Number(url.port) };
  throw new ConfigError(['CONTAINER_ENGINE: is the path of a Unix socket, or http://127.0.0.1:<port>']);
}

/** Any status is an answer. Throws `upstream_unavailable` where there is none. */
export function askEngine(
  address: EngineAddress,
  { method, path, query = {}, json, signal }: EngineCall,
): Promise<EngineReply> {
  const { socketPath, port, prefix = '' } = address;
  const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const text = json === undefined ? undefined : JSON.stringify(json);
  const target = `${prefix}${path}${asked.size > 0 ? `?${asked}` : ''}`;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        signal.aborted
          ? signal.reason
          : new AppError('upstream_unavailable', 'The container engine does not answer.', { cause }),
      );
    const sent = request(
      {
        ...(socketPath === undefined ? { host: '127.0.0.1', port } : { socketPath }),
        ...{ method, path: target, signal, agent: false },
        headers: {
          // Of a socket: engines take any.
          host: 'engine',
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.byteLength;
          if (size <= maxReplyBytes) chunks.push(chunk);
          else response.destroy(new Error('the reply is too long'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        response.on('error', fail);
        response.on('aborted', () => fail(new Error('the reply broke off')));
      },
    );
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error('no answer in time')));
    sent.on('error', fail);
    sent.end(text);
  });
}

/** The lines of a log: of a terminal as they are, else in frames that name the stream (Engine API, attach). */
export function readLog(body: Buffer, isTerminal: boolean): { source: string; text: string }[] {
  if (isTerminal) return linesOf('container', body.toString('utf8'));
  const streams: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const found: { source: string; text: string }[] = [];
  for (let at = 0; at + 8 <= body.byteLength; ) {
    const length = body.readUInt32BE(at + 4);
    const source = body[at] === 2 ? 'stderr' : 'stdout';
    const part = body.subarray(at + 8, at + 8 + length);
    at += 8 + length;
    // A line may come in several frames.
    streams[source].push(part);
    if (part.at(-1) !== 10 && at + 8 <= body.byteLength) continue;
    found.push(...linesOf(source, Buffer.concat(streams[source]).toString('utf8')));
    streams[source] = [];
  }
  return found;
}

function linesOf(source: string, text: string): { source: string; text: string }[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => ({ source, text: line }));
}
