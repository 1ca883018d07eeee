import { connect } from 'node:net';
import { searchModels } from '@inferry/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callOf, post, rpc, serveTool, startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    env: { MCP_MAX_BODY_BYTES: '4096' },
    bodyTimings: { wholeMs: 400, silenceMs: 400, lingerMs: 100 },
    serve: (services) => serveTool(services, searchModels, async () => ({ items: [] })),
  });
  gateway.app.server.headersTimeout = 300;
});
afterAll(() => gateway.close());

interface Attempt {
  text: string;
  /** False when the connection was neither answered nor closed in time. */
  isSettled: boolean;
}

const patienceMs = 30_000;
const quietMs = 150;

/** Writes pieces to a raw socket and waits until it is closed, or answered and then quiet. */
function attempt(pieces: readonly Buffer[]): Promise<Attempt> {
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const socket = connect({ port: gateway.port, host: '127.0.0.1' });
  let text = '';
  let quiet: NodeJS.Timeout | undefined;
  const settle = (isSettled: boolean) => {
    clearTimeout(deadline);
    clearTimeout(quiet);
    socket.destroy();
    resolve({ text, isSettled });
  };
  const deadline = setTimeout(() => settle(false), patienceMs);
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    clearTimeout(quiet);
    if (/HTTP\/1\.1 [2-5]/.test(text)) quiet = setTimeout(() => settle(true), quietMs);
  });
  // The server may have closed already: then there is nothing to write to.
  socket.on('error', () => undefined);
  socket.on('close', () => settle(true));
  socket.on('connect', async () => {
    for (const piece of pieces) {
      if (socket.destroyed) return;
      socket.write(piece);
      await new Promise((next) => setImmediate(next));
    }
  });
  return promise;
}

/** What is wrong with the answers on one connection. */
function faultOf({ text, isSettled }: Attempt): string | undefined {
  if (!isSettled) return 'hangs';
  if (text === '') return undefined;
  const first =
    text.split(/(?=HTTP\/1\.1 \d{3} )/).filter((part) => !part.startsWith('HTTP/1.1 100'))[0] ?? '';
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  if (!(status >= 200 && status < 600)) return `no status: ${text.slice(0, 200)}`;
  if (status === 500) return `internal: ${first}`;
  if (status < 400) return undefined;
  return /"code":"[a-z_]+"/.test(first) ? undefined : `no code: ${first}`;
}

const crlf = '\r\n';
const json = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.jsonValue().map((value) => JSON.stringify(rpc('ping', { x: value }))),
  fc
    .record({ id: fc.jsonValue(), method: fc.string(), params: fc.jsonValue() })
    .map((message) => JSON.stringify({ jsonrpc: '2.0', ...message })),
  fc.jsonValue().map((value) => JSON.stringify(callOf('search_models', { query: value, limit: value }))),
  fc.constantFrom(
    '',
    '{',
    '\0',
    'null',
    '[]',
    '[[]]',
    '1e999',
    '"\\ud800"',
    '{"a":1}}',
    '\ufeff{}',
    '['.repeat(4_000),
    '{"a":'.repeat(700),
    '[1'.repeat(5_000),
    '{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
    '{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}',
    `{"jsonrpc":"2.0","id":"${'x'.repeat(3_000)}","method":"ping"}`,
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":"__proto__","params":{"__proto__":{"x":1}}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"constructor","arguments":{"__proto__":1}}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_models","arguments":{"__proto__":{"limit":1},"constructor":1}}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":{"__proto__":[]}}}',
    '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"tools/list"}',
  ),
);
const headers = fc.array(
  fc.oneof(
    fc.constantFrom(
      'Accept: text/event-stream',
      'Accept: *',
      'Content-Type: text/plain',
      'Origin: null',
      'Host: evil',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: chunked, chunked',
      'Content-Length: 0',
      'Content-Length: -1',
      'Content-Length: 5',
      'Content-Length: 99999999999999999999',
      'Content-Length: 0x10',
      'Content-Length: 1000000',
      'Expect: 100-continue',
      'Expect: nothing',
      'Connection: close',
      'Connection: upgrade',
      'Upgrade: websocket',
      'MCP-Protocol-Version: 2026-07-28',
      'MCP-Protocol-Version: ',
      'Mcp-Method: tools/call',
      'Mcp-Name: =?base64?!!?=',
      'Mcp-Session-Id: x',
      'X-Forwarded-For: ::::, 1',
      'Authorization: Bearer',
      'Authorization: \0',
      ' folded: x',
      'no colon',
      `X-Long: ${'x'.repeat(20_000)}`,
      'X-MCP-Toolsets: __proto__',
      'X-MCP-Readonly: maybe',
      Array.from({ length: 150 }, (_, n) => `X-${n}: 1`).join(crlf),
    ),
    fc
      .tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 40 }))
      .map(([name, value]) => `${name}: ${value}`),
  ),
  { maxLength: 3 },
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.constant('POST /mcp HTTP/1.1') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'POST /mcp HTTP/1.0',
      'POST /mcp HTTP/2.0',
      'POST /mcp',
      'GET /mcp HTTP/1.1',
      'PUT / HTTP/1.1',
      'CONNECT /mcp HTTP/1.1',
      'POST /%zz HTTP/1.1',
      'POST //mcp HTTP/1.1',
      'POST /mcp/x/%00 HTTP/1.1',
      'POST /mcp?toolsets=%ff HTTP/1.1',
      `POST /mcp/x/${'a'.repeat(3_000)} HTTP/1.1`,
      'POST http://evil/mcp HTTP/1.1',
      'PRI * HTTP/2.0',
      '\x16\x03\x01',
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
);
/** A request that is nearly right, with its faults anywhere. */
const request = fc
  .record({
    line,
    headers,
    body: json,
    length: fc.constantFrom('right', 'right', 'right', 'short', 'long', 'none', 'chunked', 'bad chunks'),
    hasHost: fc.integer({ min: 0, max: 9 }),
    broken: fc.option(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 6 })), { freq: 4 }),
  })
  .map(({ line: start, headers: extra, body, length, hasHost, broken }) => {
    const bytes = Buffer.from(body);
    const framing = {
      right: [`Content-Length: ${bytes.length}`, bytes],
      short: [`Content-Length: ${Math.max(0, bytes.length - 3)}`, bytes],
      long: [`Content-Length: ${bytes.length + 3}`, bytes],
      none: ['X-None: 1', bytes],
      chunked: [
        'Transfer-Encoding: chunked',
        Buffer.from(`${bytes.length.toString(16)}${crlf}${body}${crlf}0${crlf}${crlf}`),
      ],
      'bad chunks': ['Transfer-Encoding: chunked', Buffer.from(`zz${crlf}${body}`)],
    } as const;
    const [framed, sent] = framing[length];
    const host = hasHost === 0 ? [] : [`Host: 127.0.0.1:${gateway.port}`];
    const type = 'Content-Type: application/json';
    const head = Buffer.from(
      `${[start, ...host, type, framed, ...extra].join(crlf)}${crlf}${crlf}`,
      'latin1',
    );
    const whole = Buffer.concat([head, sent]);
    if (broken === null) return whole;
    const at = broken[0] % (whole.length + 1);
    return Buffer.concat([whole.subarray(0, at), Buffer.from(broken[1]), whole.subarray(at)]);
  });
const connection = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 4 }))
  .map(([requests, count]) => {
    const whole = Buffer.concat(requests);
    const size = Math.max(1, Math.ceil(whole.length / count));
    return Array.from({ length: count }, (_, index) => whole.subarray(index * size, (index + 1) * size));
  });

describe('hostile connections', () => {
  test('are answered with a code or closed, and the next one is served', { timeout: 60_000 }, async () => {
    const seed = Number(process.hrtime.bigint() % 1_000_000n);
    const faults: string[] = [];
    for (let round = 0; round < 8; round += 1) {
      const samples = fc.sample(connection, { numRuns: 60, seed: seed + round });
      const attempts = await Promise.all(samples.map(attempt));
      for (const [index, made] of attempts.entries()) {
        const fault = faultOf(made);
        const sent = Buffer.concat(samples[index] ?? []).toString('latin1');
        if (fault !== undefined) faults.push(`${fault}\n--- after:\n${sent.slice(0, 600)}`);
      }
    }

    expect(faults, `seed ${seed}`).toEqual([]);
    expect((await post(gateway.url, rpc('ping'))).json.result).toEqual({});
  });

  test.each([
    ['is nested too deep', '['.repeat(1_000), 'invalid_request'],
    ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'parse_error'],
    ['has an id that is too long', JSON.stringify(rpc('ping', {}, 'x'.repeat(300))), 'invalid_request'],
    [
      'has an id of too many digits',
      `{"jsonrpc":"2.0","id":${'9'.repeat(300)},"method":"ping"}`,
      'invalid_request',
    ],
  ])('a body that %s is refused', async (_case, body, code) => {
    const response = await fetch(gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { data: { code } } });
  });

  test('a body that comes too slowly is answered 408 and the connection ends', async () => {
    const head = `POST /mcp HTTP/1.1${crlf}Host: 127.0.0.1:${gateway.port}${crlf}Content-Type: application/json`;

    const { text } = await attempt([Buffer.from(`${head}${crlf}Content-Length: 100${crlf}${crlf}{`)]);

    expect(text).toMatch(/^HTTP\/1.1 408 /);
    expect(text).toContain('"code":"deadline_exceeded"');
  });

  test.each([
    ['more than 100 headers', Array.from({ length: 101 }, (_, n) => `X-${n}: 1`).join(crlf), 431],
    ['two hosts', 'Host: evil.example', 400],
  ])('a head with %s is refused', async (_case, extra, status) => {
    const head = `POST /mcp HTTP/1.1${crlf}Host: 127.0.0.1:${gateway.port}${crlf}${extra}`;

    const { text } = await attempt([Buffer.from(`${head}${crlf}Content-Length: 0${crlf}${crlf}`)]);

    expect(text).toContain(`HTTP/1.1 ${status} `);
    expect(text).toContain('"code":"invalid_request"');
  });
});
