import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { type JsonObject, openAsset, readRevocations, uploadFile, verifyKey } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type Answer,
  serveTool,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  toAnswer,
} from '../../test-gateway.ts';

/** What the data plane was sent. */
interface Received {
  sha256: string;
  sizeBytes: number;
  isWhole: boolean;
}

const mebibyte = 1024 * 1024;
let gateway: TestGateway;
let dataPlane: Server;
let received: Received[] = [];
let calls: { args: JsonObject; attachment: string | undefined }[] = [];
let storeStatus = 200;

beforeEach(async () => {
  received = [];
  calls = [];
  storeStatus = 200;
  dataPlane = createServer(async (request, response) => {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    try {
      for await (const chunk of request) {
        hash.update(chunk);
        sizeBytes += chunk.length;
      }
    } catch {
      // The sender gave up: that is what a test looks for.
    }
    received.push({ sha256: hash.digest('hex'), sizeBytes, isWhole: request.complete });
    response.writeHead(storeStatus).end('{}');
  });
  dataPlane.listen(0, '127.0.0.1');
  await once(dataPlane, 'listening');
});
afterEach(async () => {
  await gateway.close();
  dataPlane.closeAllConnections();
  dataPlane.close();
});

async function start(options: TestGatewayOptions = {}): Promise<void> {
  // as: a TCP server that listens has such an address.
  const { port } = dataPlane.address() as AddressInfo;
  gateway = await startTestGateway({
    ...options,
    serve(services) {
      services.serve(openAsset, async () => ({
        asset_id: 'asset_1',
        put_url: `http://127.0.0.1:${port}/put`,
      }));
      serveTool(services, uploadFile, async (args, { attachment }) => {
        calls.push({ args, attachment });
        return { asset_id: attachment, bytes: received[0]?.sizeBytes ?? 0 };
      });
      options.serve?.(services);
    },
  });
}

const file = (sizeBytes: number) => Buffer.alloc(sizeBytes, 'inferry!');
const textOf = (name: string, args: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: args } });

async function send(body: string | ReadableStream, headers: Record<string, string> = {}): Promise<Answer> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
  return toAnswer(await fetch(gateway.url, { ...init, duplex: 'half' }));
}

/** A body that is never whole in memory. */
function streamOf(parts: Iterable<string>): ReadableStream {
  const iterator = parts[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const { value, done } = iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(Buffer.from(value));
    },
  });
}

async function sendHead(headers: string): Promise<Socket> {
  const socket = createConnection({ port: gateway.port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`,
  );
  return socket;
}

describe('a call of upload_file with base64 above the body cap [X3]', () => {
  test('stores the decoded bytes and calls the tool with the asset instead of them', async () => {
    await start();
    const bytes = file(3 * mebibyte);

    const answer = await send(
      textOf('upload_file', { file_name: 'a.bin', base64: bytes.toString('base64'), expires_in: 60 }),
    );

    expect(answer.json).toMatchObject({ id: 7, result: { structuredContent: { asset_id: 'asset_1' } } });
    expect(calls).toEqual([{ args: { file_name: 'a.bin', expires_in: 60 }, attachment: 'asset_1' }]);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(received).toEqual([{ sha256, sizeBytes: bytes.length, isWhole: true }]);
  });

  test('takes it from a sender that announces no length', async () => {
    await start();
    const whole = textOf('upload_file', { base64: file(mebibyte).toString('base64') });

    const answer = await send(streamOf([whole.slice(0, 300_000), whole.slice(300_000)]));

    expect(answer.json.result.structuredContent).toMatchObject({ bytes: mebibyte });
  });

  test('takes it when the headers name the call that the body names too late', async () => {
    await start();
    const base64 = file(mebibyte).toString('base64');
    const body = `{"params":{"arguments":{"base64":"${base64}"},"name":"upload_file"},"method":"tools/call","id":1,"jsonrpc":"2.0"}`;

    const named = await send(body, { 'mcp-method': 'tools/call', 'mcp-name': 'upload_file' });
    const unnamed = await send(body);

    expect(named.json.result.structuredContent).toMatchObject({ bytes: mebibyte });
    expect(unnamed.status).toBe(413);
  });

  test('refuses it when the headers name another call than the body', async () => {
    await start();
    const base64 = file(mebibyte).toString('base64');
    const body = `{"params":{"arguments":{"base64":"${base64}"},"name":"run_model"},"method":"tools/call","id":1,"jsonrpc":"2.0"}`;

    const answer = await send(body, { 'mcp-method': 'tools/call', 'mcp-name': 'upload_file' });

    expect(answer.json.error.data.code).toBe('body_too_large');
    expect(calls).toEqual([]);
  });

  test('cuts it off above 200 MiB', { timeout: 60_000 }, async () => {
    await start();
    function* parts() {
      yield textOf('upload_file', { base64: '?' }).split('?')[0] ?? '';
      const piece = 'QUJD'.repeat(mebibyte / 4);
      for (let i = 0; i < 300; i += 1) yield piece;
    }

    const answer = await send(streamOf(parts())).catch(() => undefined);

    // A client that goes on sending may lose the answer with the connection; the cut is what counts.
    if (answer !== undefined) {
      expect(answer.status).toBe(413);
      expect(answer.json.error).toMatchObject({
        message: expect.stringContaining('exceeds the 200 MiB upload cap'),
        data: { code: 'upload_too_large' },
      });
    }
    await vi.waitFor(() => expect(received).toMatchObject([{ isWhole: false }]));
    expect(calls).toEqual([]);
  });

  const tooLong = 'QUJD'.repeat(99_999);
  const plain = textOf('upload_file', { base64: tooLong });

  test.each([
    ['is not base64', textOf('upload_file', { base64: `${tooLong}?` }), '400 validation_failed'],
    ['is followed by junk', `${plain}]`, '400 parse_error'],
    ['is of another tool', textOf('run_model', { base64: tooLong }), '413 body_too_large'],
    ['is nested', textOf('upload_file', { x: { base64: tooLong } }), '413 body_too_large'],
    ['is in a batch', `[${plain}]`, '413 body_too_large'],
    ['comes twice', plain.replace('}}', ',"base64":"QQ"}}'), '400 invalid_request'],
    ['breaks off', plain.slice(0, -9), '400 parse_error'],
  ])('refuses one that %s', async (_case, body, outcome) => {
    await start();

    const { status, json } = await send(body);

    expect(`${status} ${json.error.data.code}`).toBe(outcome);
    expect(calls).toEqual([]);
  });

  test('answers busy when too many are under way', async () => {
    await start({ env: { MAX_INLINE_UPLOADS: '1' } });
    const first = await sendHead('Content-Length: 1000000');
    first.write(textOf('upload_file', { base64: 'QUJD'.repeat(100_000) }).slice(0, -10));
    const body = textOf('upload_file', { base64: file(mebibyte).toString('base64') });

    await vi.waitFor(async () => {
      const answer = await send(body);
      expect(answer).toMatchObject({ status: 503, json: { error: { data: { code: 'busy' } } } });
      expect(answer.headers.get('retry-after')).toBe('5');
    });

    first.destroy();
    await vi.waitFor(async () => expect((await send(body)).status).toBe(200));
  });

  /** The gateway with two tenants, told apart by their keys. */
  async function startForTwo(options: TestGatewayOptions = {}): Promise<void> {
    await start({
      ...options,
      env: { ...options.env, INFERRY_AUTH: 'keys' },
      serve(services) {
        services.serve(verifyKey, async ({ key_sha256: digest }) => {
          const isAlice = digest === createHash('sha256').update(alice.slice(22)).digest('hex');
          const subject = isAlice ? 'alice' : 'bob';
          return {
            principal: { subject, grant_id: subject, kind: 'api_key', scopes: ['mcp'] },
            cache_seconds: 60,
          };
        });
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      },
    });
    await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
  }
  const alice = 'Authorization: Bearer ifr_a123456789abcdefghij';
  const bob = { authorization: 'Bearer ifr_b123456789abcdefghij' };

  test.each([
    ['may be anything', '{', 40],
    ['are files', textOf('upload_file', { base64: 'QUJD'.repeat(100_000) }).slice(0, -10), 12],
  ])("leaves a place to others, however many slow bodies of one tenant's %s", async (_case, begun, count) => {
    await startForTwo({ env: { MAX_INLINE_UPLOADS: '4' } });
    const sockets = await Promise.all(
      Array.from({ length: count }, async () => {
        const socket = await sendHead(`Content-Length: 1000000\r\n${alice}`);
        socket.on('error', () => undefined).write(begun);
        return socket;
      }),
    );
    const body = textOf('upload_file', { base64: file(mebibyte).toString('base64') });

    await vi.waitFor(async () =>
      expect((await send(body, { authorization: alice.slice(15) })).status).toBe(503),
    );
    expect((await send(body, bob)).status).toBe(200);

    for (const socket of sockets) socket.destroy();
  });

  test.each([
    ['that may be anything, after the time of a call', '{', { wholeMs: 200 }],
    [
      'with a file that comes by drops',
      textOf('upload_file', { base64: 'QUJD' }).slice(0, -10),
      { pace: { bytesPerSecond: 1_000, windowMs: 200 } },
    ],
  ])('answers 408 to a body %s', async (_case, begun, bodyTimings) => {
    await start({ bodyTimings });
    const socket = await sendHead('Content-Length: 10000000');
    socket.setEncoding('utf8').on('error', () => undefined);
    socket.write(begun);
    const drops = setInterval(() => socket.write(' '), 20);

    const [answer] = await once(socket, 'data');

    clearInterval(drops);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test('gives the file up when the sender goes away', async () => {
    await start();
    const socket = await sendHead('Content-Length: 10000000');
    const begun = once(dataPlane, 'request');
    socket.write(textOf('upload_file', { base64: 'QUJD'.repeat(100_000) }).slice(0, -10));
    await begun;

    socket.destroy();

    await vi.waitFor(() => expect(received).toMatchObject([{ isWhole: false }]));
  });

  test('answers 408 to a sender that is silent', async () => {
    await start({ bodyTimings: { silenceMs: 100 } });
    const socket = await sendHead('Content-Length: 10000000');
    socket.write(textOf('upload_file', { base64: 'QUJD' }).slice(0, -10));

    const [answer] = await once(socket.setEncoding('utf8'), 'data');

    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('"code":"deadline_exceeded"');
    await once(socket, 'close');
  });

  test('answers unavailable when the file cannot be stored', async () => {
    await start();
    storeStatus = 503;

    const answer = await send(textOf('upload_file', { base64: file(mebibyte).toString('base64') }));

    expect(answer).toMatchObject({ status: 503, json: { error: { data: { code: 'unavailable' } } } });
  });

  test('stores nothing for a credential without the scope', async () => {
    const principal = { subject: 'ada', grant_id: 'key_1', kind: 'api_key' as const, scopes: ['runs:read'] };
    await start({
      env: { INFERRY_AUTH: 'keys' },
      serve(services) {
        services.serve(verifyKey, async () => ({ principal, cache_seconds: 60 }));
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      },
    });
    await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));

    const answer = await send(textOf('upload_file', { base64: file(mebibyte).toString('base64') }), {
      authorization: 'Bearer ifr_0123456789abcdefghij',
    });

    expect(answer).toMatchObject({ status: 403, json: { error: { data: { code: 'insufficient_scope' } } } });
    expect(answer.headers.get('www-authenticate')).toContain('files:write');
    expect(received).toEqual([]);
  });
});
