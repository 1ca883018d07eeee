// Holds what clients and proxies write differently and mean alike: repeated and empty headers, hosts, paths, ids, bodies.
import { request } from 'node:http';
import { getRun } from '@inferry/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import {
  acceptStream,
  callOf,
  framesOf,
  modern,
  post,
  rpc,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  toAnswer,
} from '../test-gateway.ts';

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({
    serve(services) {
      services.serve(getRun, async (_input, { progress }) => {
        progress({ progress: 0.5 });
        return { run: { run_id: 'run_1', status: 'succeeded' } };
      });
    },
    ...options,
  });
  open.push(gateway);
  return gateway;
}

/** With header lines exactly as given, which fetch would join or refuse. */
function postLines(gateway: TestGateway, lines: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { port: gateway.port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers: lines };
    const sent = request(options, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end(JSON.stringify(rpc('ping')));
  });
}

async function sessionOf(gateway: TestGateway): Promise<string> {
  const { headers } = await post(gateway.url, rpc('initialize', { protocolVersion: '2025-11-25' }));
  return headers.get('mcp-session-id') ?? '';
}

describe('a header that has one value', () => {
  test.each([
    ['mcp-protocol-version', '2025-11-25', 200],
    ['content-type', 'application/json', 200],
    ['content-type', 'application/json; charset=utf-8', 200],
    ['origin', 'http://localhost:6274', 200],
    ['x-mcp-readonly', '1', 200],
  ])('counts once when %s comes as equal copies', async (name, value, status) => {
    const gateway = await start();

    for (const copies of [2, 3]) {
      const sent = { [name]: Array(copies).fill(value).join(', ') };
      expect((await post(gateway.url, rpc('ping'), sent)).status).toBe(status);
    }
  });

  test.each([
    ['mcp-protocol-version', '2025-11-25, 2025-06-18', 400],
    ['mcp-protocol-version', '2025-11-25, 2025-11-25, 2025-06-18', 400],
    ['content-type', 'application/json, text/plain', 415],
    ['origin', 'http://localhost:1, https://evil.example', 403],
  ])('is refused when the copies of %s differ', async (name, value, status) => {
    const gateway = await start();

    expect((await post(gateway.url, rpc('ping'), { [name]: value })).status).toBe(status);
  });

  test('makes a request read-only whichever of its copies says so', async () => {
    const gateway = await start();
    const { json } = await post(gateway.url, rpc('tools/list'), { 'x-mcp-readonly': 'true, false' });

    expect(json.result.tools.map(({ name }: { name: string }) => name)).not.toContain('run_model');
  });

  test('counts once for a session, and a session that is two is none', async () => {
    const gateway = await start();
    const [one, other] = [await sessionOf(gateway), await sessionOf(gateway)];
    const status = async (id: string) =>
      (await post(gateway.url, rpc('ping'), { 'mcp-session-id': id })).status;

    expect(await status(`${one}, ${one}`)).toBe(200);
    expect(await status(`${one}, ${other}`)).toBe(404);
  });

  test.each(['mcp-protocol-version', 'mcp-method', 'mcp-name'])(
    'counts once for %s of today',
    async (name) => {
      const gateway = await start();
      const { body, headers } = modern('tools/call', { name: 'get_run', arguments: { run_id: 'run_1' } });
      const value = headers[name];

      const same = await post(gateway.url, body, { ...headers, [name]: `${value}, ${value}` });
      const different = await post(gateway.url, body, { ...headers, [name]: `${value}, other` });

      expect([same.status, different.status]).toEqual([200, 400]);
    },
  );

  test('takes a name that looks like copies as it is', async () => {
    const gateway = await start();
    const { body, headers } = modern('tools/call', { name: 'a, a', arguments: {} });

    const { json } = await post(gateway.url, body, headers);

    expect(json.error.data.code).toBe('tool_not_available');
  });

  test('is taken when it comes on two lines that agree, and refused when they differ', async () => {
    const gateway = await start({ env: { INFERRY_AUTH: 'keys' } });
    const lines = (...more: string[]) => ['Host', `127.0.0.1:${gateway.port}`, ...more];
    const json = ['Content-Type', 'application/json'];

    expect(await postLines(gateway, lines(...json, ...json))).toBe(401);
    expect(await postLines(gateway, lines(...json, 'Content-Type', 'text/plain'))).toBe(400);
    const bearer = (key: string) => ['Authorization', `Bearer ifr_${key.repeat(20)}`];
    expect(await postLines(gateway, lines(...json, ...bearer('a'), ...bearer('b')))).toBe(400);
    expect(await postLines(gateway, lines(...json, ...bearer('a'), ...bearer('a')))).not.toBe(400);
  });

  test.each([
    'mcp-protocol-version',
    'mcp-session-id',
    'x-mcp-toolsets',
    'x-mcp-readonly',
    'x-mcp-exclude-tools',
    'origin',
    'content-encoding',
    'last-event-id',
    'traceparent',
  ])('is absent when %s is empty, however often', async (name) => {
    const gateway = await start();
    const absent = await post(gateway.url, rpc('tools/list'));

    for (const value of ['', ',', ' , ', ',,']) {
      const empty = await post(gateway.url, rpc('tools/list'), { [name]: value });
      expect([value, empty.status, empty.text]).toEqual([value, 200, absent.text]);
    }
  });

  test.each([
    ['mcp-protocol-version', '2025-11-25'],
    ['content-type', 'application/json'],
    ['origin', 'http://localhost:6274'],
    ['content-encoding', 'identity'],
    ['x-mcp-toolsets', 'run'],
    ['x-mcp-readonly', '1'],
  ])('is what it says when %s comes beside empty copies', async (name, value) => {
    const gateway = await start();
    const once = await post(gateway.url, rpc('tools/list'), { [name]: value });

    for (const copies of [`${value}, `, `, ${value}`, `${value}, , ${value}`]) {
      const more = await post(gateway.url, rpc('tools/list'), { [name]: copies });
      expect([copies, more.status, more.text]).toEqual([copies, 200, once.text]);
    }
  });
});

describe('the Host', () => {
  const status = async (gateway: TestGateway, host: string) =>
    postLines(gateway, ['Host', host, 'Content-Type', 'application/json']);

  test.each([
    ['https://inferry.example.com', 'inferry.example.com', 401],
    ['https://inferry.example.com', 'inferry.example.com:443', 401],
    ['https://inferry.example.com', 'Inferry.Example.COM.', 401],
    ['https://inferry.example.com', 'inferry.example.com.:443', 401],
    ['https://inferry.example.com', 'inferry.example.com:80', 403],
    ['https://inferry.example.com', 'inferry.example.com:8443', 403],
    ['https://inferry.example.com:8443', 'inferry.example.com:8443', 401],
    ['https://inferry.example.com:8443', 'inferry.example.com', 403],
    ['http://inferry.example.com', 'inferry.example.com:80', 401],
    ['https://inferry.example.com', 'evil.example', 403],
  ])('of PUBLIC_URL %s, sent as %s, is answered %i', async (url, host, expected) => {
    const gateway = await start({ env: { INFERRY_AUTH: 'keys', PUBLIC_URL: url } });

    expect(await status(gateway, host)).toBe(expected);
  });

  test('that an operator lists has no scheme: both default ports are none', async () => {
    const env = { INFERRY_AUTH: 'keys', MCP_ALLOWED_HOSTS: 'a.example,b.example:443' };
    const gateway = await start({ env });
    const hosts = [
      'a.example:443',
      'a.example:80',
      'a.example.',
      'b.example',
      'b.example:80',
      'a.example:81',
    ];

    const answers = await Promise.all(hosts.map((host) => status(gateway, host)));

    expect(answers).toEqual([401, 401, 401, 401, 403, 403]);
  });

  test('may be a loopback name with the port that is forwarded here, and nothing else', async () => {
    const gateway = await start();
    const hosts = ['localhost:9000', '127.0.0.1:1', '[::1]:2', 'localhost.', 'localhost.evil.example:9000'];

    const answers = await Promise.all(hosts.map((host) => status(gateway, host)));

    expect(answers).toEqual([200, 200, 200, 200, 403]);
  });

  test('may be the address that is bound', async () => {
    const gateway = await start({ env: { HOST: '127.0.0.3' } });
    const named = await start({ env: { INFERRY_AUTH: 'keys', HOST: '192.0.2.7' } });

    expect(await status(gateway, `127.0.0.3:${gateway.port}`)).toBe(200);
    expect(await status(named, `192.0.2.7:${named.port}`)).toBe(401);
    expect(await status(named, `192.0.2.8:${named.port}`)).toBe(403);
  });
});

describe('an address with a slash at its end', () => {
  test.each(['/mcp/', '/mcp/x/run/', '/mcp/x/run/readonly/'])('is served in place: %s', async (path) => {
    const gateway = await start();

    const slash = await post(new URL(path, gateway.url).href, rpc('tools/list'));
    const plain = await post(new URL(path.slice(0, -1), gateway.url).href, rpc('tools/list'));

    expect(slash.status).toBe(200);
    expect(slash.text).toBe(plain.text);
  });

  test('has the preflight and the refusals of the other', async () => {
    const gateway = await start();
    const at = new URL('/mcp/', gateway.url);
    const headers = { origin: 'http://localhost:6274', 'access-control-request-method': 'POST' };

    expect((await fetch(at, { method: 'OPTIONS', headers })).status).toBe(204);
    expect((await fetch(at)).status).toBe(405);
  });
});

describe('an id', () => {
  const ids = [
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
    '123456789012345678901234567890',
    '0.1234567890123456789',
  ];

  test.each(ids)('comes back digit for digit: %s', async (id) => {
    const gateway = await start();

    const { text } = await post(gateway.url, `{"jsonrpc":"2.0","id": ${id},"method":"ping"}`);

    expect(text).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
  });

  test('comes back so in errors, batches, streams and progress', async () => {
    const gateway = await start();
    const id = '9223372036854775807';
    const call = JSON.stringify(callOf('get_run', { run_id: 'run_1' }, { progressToken: 'TOKEN' }))
      .replace('"id":1', `"id":${id}`)
      .replace('"TOKEN"', '1796025809123456789');

    const error = await post(gateway.url, `{"jsonrpc":"2.0","id":${id},"method":"nothing"}`);
    const batch = await post(gateway.url, `[{"jsonrpc":"2.0","id":${id},"method":"ping"}]`);
    const stream = await post(gateway.url, call, acceptStream);

    expect(error.text).toContain(`"id":${id},"error"`);
    expect(batch.text).toContain(`"id":${id},"result"`);
    expect(stream.text).toContain('"progressToken":1796025809123456789');
    expect(stream.text).toContain(`"id":${id},"result"`);
    expect(framesOf(stream.text).length).toBeGreaterThan(1);
  });
});

describe('a body', () => {
  test('may begin with a byte order mark', async () => {
    const gateway = await start();

    expect((await post(gateway.url, `\ufeff${JSON.stringify(rpc('ping'))}`)).status).toBe(200);
  });

  test('that is packed is answered 415, and how to send it', async () => {
    const gateway = await start();
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };

    const answer = await toAnswer(await fetch(gateway.url, { method: 'POST', headers, body: 'x' }));
    const plain = await post(gateway.url, rpc('ping'), { 'content-encoding': 'identity' });

    expect(answer.status).toBe(415);
    expect(answer.headers.get('accept-encoding')).toBe('identity');
    expect(plain.status).toBe(200);
  });
});
