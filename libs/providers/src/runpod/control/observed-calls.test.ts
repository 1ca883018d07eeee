import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, isObject, Secret } from '@inferry/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlatformClient } from '../../http/index.ts';
import { readDocument } from './graphql-document.fixture.ts';
import { RunpodControl } from './native.ts';
import { parseRestVersions } from './versions.ts';
import type { Edition } from './wire.ts';

/** What Runpod's own server was seen to do: a call, its requests, the replies it got, and its result. */
interface Observed {
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
const { shared, vectors }: { shared: unknown[]; vectors: Observed[] } = JSON.parse(
  readFileSync(path, 'utf8'),
);

/** Where this control plane does better, each with its reason. */
const differs: Readonly<Record<string, string>> = {
  'rp-3x-0079': 'an answer that is no list is an outage and no empty account',
  'rp-3x-0347': 'an answer that is no list is an outage and no empty account',
  'rp-3x-0353': 'a page of HTML is an outage and no empty account',
  'rp-3x-0090': 'an id stays one segment of the path',
  'rp-3x-0358': 'an id stays one segment of the path',
  'rp-3x-0223': 'what a bare list of the stream brought is kept',
  'rp-3x-0490': 'what a bare list of the stream brought is kept',
  'rp-3x-0491': 'what a bare list of the stream brought is kept',
  'rp-3x-0409': 'the reply is kept in part, and its result was longer than what is kept of it',
};

interface Seen {
  method: string;
  base: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

let origin = '';
let seen: Seen[] = [];
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

beforeAll(async () => {
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
});

afterAll(async () => {
  await client.close();
  await new Promise((resolve) => server.close(resolve));
});

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

async function run(
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

/** The same structure: a sentence is any text, and a random part is any. */
function expectSame(actual: unknown, expected: unknown, at: string): void {
  if (expected === '<sentence>') {
    expect(actual, at).toEqual(expect.stringMatching(/\S/));
  } else if (typeof expected === 'string' && expected.includes('<random>')) {
    expect(actual, at).toEqual(expect.stringContaining(expected.replace('<random>', '')));
  } else if (Array.isArray(expected)) {
    expect(Array.isArray(actual) && actual.length, at).toBe(expected.length);
    for (const [index, item] of expected.entries())
      expectSame((actual as unknown[])[index], item, `${at}[${index}]`);
  } else if (isObject(expected)) {
    expect(isObject(actual), at).toBe(true);
    const given = actual as Record<string, unknown>;
    expect(Object.keys(given).toSorted(), at).toEqual(Object.keys(expected).toSorted());
    for (const [name, item] of Object.entries(expected)) expectSame(given[name], item, `${at}.${name}`);
  } else {
    expect(actual, at).toEqual(expected);
  }
}

function expectAsked(vector: Observed): void {
  const asks = vector.asks ?? [];
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
    asks.map(([method, url]) => `${method} ${url}`),
  );
  for (const [index, [, , document, body]] of asks.entries()) {
    const sent = seen[index]?.body;
    if (document === null) {
      expectSame(sent, body ?? undefined, `request ${index}`);
      continue;
    }
    const { query, variables } = sent as { query: string; variables?: unknown };
    const told = shared[document] as { operation: string; variables: string[]; selects: unknown };
    expect(readDocument(query)).toEqual({
      operation: told.operation,
      variables: told.variables,
      selects: told.selects,
    });
    expectSame(variables, body ?? undefined, `variables ${index}`);
  }
}

function expectTracked(vector: Observed, transport: 'stdio' | 'http'): void {
  const edition = vector.edition ?? '3.4.0';
  const surface = edition === '4.0.0' ? 'surface=v2; ' : '';
  for (const { base, method, headers } of seen) {
    expect(headers['user-agent']).toBe(
      `runpod-mcp-server/${edition} (caller=mcp; ${surface}client=a_client; client_version=1.0; transport=${transport})`,
    );
    expect(headers['x-runpod-session-id']).toBe('uuid-1');
    expect(headers.authorization).toBe(base === 'graphql_public' ? undefined : 'Bearer rpa_key');
    if (headers.accept === 'text/event-stream') continue;
    expect(headers.accept).toBe('*/*');
    const isBare = edition === '4.0.0' && base === 'rest_v2' && /^(GET|DELETE)$/.test(method);
    expect(headers['content-type']).toBe(isBare ? undefined : 'application/json');
  }
}

function expectResult(vector: Observed, { body, error, isError }: Awaited<ReturnType<typeof run>>): void {
  const expected = vector.json === undefined ? undefined : shared[vector.json];
  // A job that failed was told in full: the call has not.
  const isRefusal = isObject(expected) && 'error' in expected && expected.status !== 'FAILED';
  expect(isError, JSON.stringify(body ?? error?.message)).toBe(vector.fails === true || isRefusal);
  if (vector.names !== undefined) expect(error?.upstreamStatus).toBe(vector.names);
  if (expected !== undefined) expectSame(body, expected, 'result');
}

/** Arguments that the tool's schema refuses never come here. */
const reachesPlatform = (vector: Observed) => vector.json !== undefined || (vector.asks ?? []).length > 0;

/** An unknown name is the gateway's to refuse. */
const cases = vectors.filter((vector) => vector.tool !== 'no-such-tool' && reachesPlatform(vector));
const transports = [
  ['s', 'stdio'],
  ['h', 'http'],
] as const;
const titled = cases
  .filter(({ id }) => differs[id] === undefined)
  .flatMap((vector) =>
    transports
      .filter(([letter]) => vector.on.includes(letter))
      .map(([, by]) => [`${vector.id} ${vector.tool} ${vector.note ?? ''} by ${by}`, vector, by] as const),
  );

describe.each(titled)('%s', (_, vector, transport) => {
  it('asks the platform and answers as Runpod’s own server [RP-82]', async () => {
    const outcome = await run(vector, transport);

    expectAsked(vector);
    expectTracked(vector, transport);
    expectResult(vector, outcome);
  });
});

it('keeps what a bare list of a stream brought', async () => {
  for (const id of ['rp-3x-0223', 'rp-3x-0490', 'rp-3x-0491']) {
    const vector = vectors.find((one) => one.id === id);
    if (vector === undefined) throw new Error(`${id} is not there`);

    const { body } = await run(vector, 'http');

    expect(body, id).toMatchObject({ stream: [{ output: 'a' }, {}, {}] });
  }
});

it('keeps an id in one segment of the path', async () => {
  const vector = vectors.find(({ id }) => id === 'rp-3x-0358');
  if (vector === undefined) throw new Error('it is not there');

  const { error } = await run(vector, 'http');

  expect(seen.map(({ url }) => url)).toEqual(['{rest_v2}/pods/a%2Fb%20c%3Fd']);
  expect(error?.upstreamStatus).toBe(404);
});

it('believes nothing where the platform answers no list', async () => {
  for (const id of ['rp-3x-0079', 'rp-3x-0347', 'rp-3x-0353']) {
    const vector = vectors.find((one) => one.id === id);
    if (vector === undefined) throw new Error(`${id} is not there`);

    const { error } = await run(vector, 'http');

    expect(error?.code, id).toBe('upstream_malformed');
  }
});
