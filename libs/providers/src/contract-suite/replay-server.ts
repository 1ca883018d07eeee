import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { capture, fillIn, type Step, type Vector } from './vector.ts';

export interface ReplayServer {
  base(name: string): string;
  /** What came otherwise than the vector says. */
  problems: string[];
  /** Steps that were not asked for. */
  left(): number;
  close(): void;
}

/** Answers the requests of a vector, in its order, and notes every difference. */
export async function startReplayServer(vector: Vector): Promise<ReplayServer> {
  const problems: string[] = [];
  const names = new Map<string, string>();
  let next = 0;
  const server = createServer((request, response) => {
    const step = vector.steps[next];
    next += 1;
    answer({ step, names, problems }, request, response).catch((error: unknown) => {
      problems.push(String(error));
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const base = (name: string) => `http://127.0.0.1:${port}/${name}`;
  names.set('base', base('api'));
  for (const name of new Set(vector.steps.map((step) => step.request.base)))
    names.set(`base_${name}`, base(name));
  return {
    base,
    problems,
    left: () => Math.max(0, vector.steps.length - next),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function answer(
  { step, names, problems }: { step: Step | undefined; names: Map<string, string>; problems: string[] },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request);
  if (step === undefined) {
    problems.push(`one request more than expected: ${request.method} ${request.url}`);
    response.writeHead(500).end();
    return;
  }
  // as: filling in changes texts only.
  const wanted = fillIn(step.request, names) as Step['request'];
  problems.push(...differences(wanted, request, body));
  const { status, headers, body: reply } = step.response;
  const filled = fillIn(reply, names);
  capture(step, filled, names);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof filled === 'string' ? filled : filled === undefined ? '' : JSON.stringify(filled));
}

function differences(wanted: Step['request'], request: IncomingMessage, body: unknown): string[] {
  const url = new URL(request.url ?? '/', 'http://replay');
  const [, base = '', ...rest] = url.pathname.split('/');
  const found: string[] = [];
  // A platform with one address has an empty path.
  const path = rest.length === 0 ? '' : decodeURIComponent(`/${rest.join('/')}`);
  if (request.method !== wanted.method || path !== wanted.path || base !== wanted.base) {
    found.push(
      `expected ${wanted.method} ${wanted.base}:${wanted.path}, got ${request.method} ${base}:${path}`,
    );
  }
  for (const [name, value] of Object.entries(wanted.query ?? {})) {
    if (url.searchParams.get(name) !== value) found.push(`query ${name}: expected ${value}`);
  }
  for (const [name, value] of Object.entries(wanted.headers ?? {})) {
    if (request.headers[name] !== value) found.push(`header ${name}: expected ${value}`);
  }
  if (wanted.body !== undefined && canonical(wanted.body) !== canonical(body)) {
    found.push(`body: expected ${canonical(wanted.body)}, got ${canonical(body)}`);
  }
  return found;
}

/** Without the order of names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => left.localeCompare(right)))
      : inner,
  );
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    // Multipart: compared by nobody.
    return text;
  }
}
