import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { post, rpc, startTestGateway, type TestGateway, toAnswer } from '../test-gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway({ env: { INFERRY_AUTH: 'keys', MCP_MAX_BODY_BYTES: '2048' } });
});
afterEach(() => gateway.close());

/** fetch sets Host itself, so this goes below it. */
function postAs(headers: Record<string, string>, body: string): Promise<{ status: number; json: unknown }> {
  return new Promise((resolve, reject) => {
    const options = { port: gateway.port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }));
    });
    sent.on('error', reject).end(body);
  });
}

const json = { 'content-type': 'application/json' };

describe('the edge', () => {
  test('refuses a foreign Host with 403 host_rejected [RF-49]', async () => {
    const answer = await postAs({ ...json, host: 'evil.example' }, '{}');

    expect(answer).toMatchObject({ status: 403, json: { error: { data: { code: 'host_rejected' } } } });
  });

  test('refuses a loopback Host with another port', async () => {
    const answer = await postAs({ ...json, host: 'localhost:1' }, '{}');

    expect(answer.status).toBe(403);
  });

  test.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])('takes %s with its own port', async (name) => {
    const answer = await postAs({ ...json, host: `${name}:${gateway.port}` }, '{}');

    expect(answer.status).toBe(401);
  });

  test('refuses a foreign Origin with 403 origin_rejected [RF-50]', async () => {
    const answer = await post(gateway.url, rpc('ping'), { origin: 'https://evil.example' });

    expect(answer.status).toBe(403);
    expect(answer.json.error.data.code).toBe('origin_rejected');
  });

  test.each(['null', 'http://localhost.evil.example', 'https://localhost@evil.example'])(
    'refuses the Origin %s',
    async (origin) => {
      expect((await post(gateway.url, rpc('ping'), { origin })).status).toBe(403);
    },
  );

  test('takes a loopback Origin on any port', async () => {
    const answer = await post(gateway.url, rpc('ping'), { origin: 'http://localhost:6274' });

    expect(answer.status).toBe(401);
  });

  test('refuses a body above the cap with 413 and names the other way [RF-51][X3]', async () => {
    const answer = await post(gateway.url, 'x'.repeat(3_000), { 'mcp-name': 'run_model' });

    expect(answer.status).toBe(413);
    expect(answer.json.error.data).toMatchObject({
      code: 'body_too_large',
      next_action: expect.stringContaining('create_upload'),
    });
  });

  test('reads nothing of a large body that may be a file before it knows whose it is', async () => {
    const answer = await post(gateway.url, 'x'.repeat(3_000));

    expect(answer.status).toBe(401);
    expect(answer.headers.get('connection')).toBe('close');
  });

  test('refuses what is not JSON with 415', async () => {
    const answer = await post(gateway.url, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' });

    expect(answer.status).toBe(415);
    expect(answer.json.error.data.code).toBe('unsupported_media_type');
  });

  test('takes JSON with a charset', async () => {
    const answer = await post(gateway.url, rpc('ping'), {
      'content-type': 'Application/JSON; charset=utf-8',
    });

    expect(answer.status).toBe(401);
  });

  test.each([
    {
      step: 'Host',
      headers: { host: 'evil.example', origin: 'https://evil.example' },
      code: 'host_rejected',
    },
    { step: 'Origin', headers: { origin: 'https://evil.example' }, code: 'origin_rejected' },
    {
      step: 'the body cap',
      headers: { 'content-type': 'text/plain', 'mcp-name': 'run_model' },
      code: 'body_too_large',
    },
    {
      step: 'the content type',
      headers: { 'content-type': 'text/plain' },
      body: '{',
      code: 'unsupported_media_type',
    },
    { step: 'the credential', headers: {}, body: '{', code: 'missing_authorization' },
  ])('looks at $step before what comes later', async ({ headers, body = 'x'.repeat(3_000), code }) => {
    const host = `127.0.0.1:${gateway.port}`;

    const answer = await postAs({ host, ...json, ...headers, 'content-length': String(body.length) }, body);

    expect(answer.json).toMatchObject({ error: { data: { code } } });
  });
});

test('a body that announces no length is counted while it is read', async () => {
  const open = await startTestGateway({ env: { MCP_MAX_BODY_BYTES: '2048' } });
  const chunks = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 4; i += 1) controller.enqueue(Buffer.alloc(1_000, 'x'));
      controller.close();
    },
  });

  const answer = await toAnswer(
    await fetch(open.url, { method: 'POST', headers: json, body: chunks, duplex: 'half' }),
  );

  expect(answer.status).toBe(413);
  expect(answer.json.error.data.code).toBe('body_too_large');
  await open.close();
});

describe('beside MCP', () => {
  test.each(['GET', 'DELETE'])(
    '%s is answered 405 with Allow before any auth work [RPB-08]',
    async (method) => {
      for (const path of ['/mcp', '/']) {
        const answer = await toAnswer(await fetch(new URL(path, gateway.url), { method }));

        expect(answer.status).toBe(405);
        expect(answer.headers.get('allow')).toBe('POST');
      }
    },
  );

  test.each(['/.well-known/oauth-protected-resource', '/.well-known/openid-configuration', '/nothing'])(
    '%s is answered 404 as JSON',
    async (path) => {
      const answer = await toAnswer(await fetch(new URL(path, gateway.url)));

      expect(answer.status).toBe(404);
      expect(answer.json.error.data.code).toBe('not_found');
    },
  );

  test('a POST to an address that does not exist is answered 404 whatever its body is', async () => {
    const answer = await toAnswer(
      await fetch(`${new URL(gateway.url).origin}//mcp`, {
        method: 'POST',
        headers: { 'content-type': '\u00f2\u00b6application/json' },
        body: 'false',
      }),
    );

    expect(answer.status).toBe(404);
    expect(answer.json.error.data.code).toBe('not_found');
  });

  test('/healthz says that the process lives [RF-05]', async () => {
    const answer = await toAnswer(await fetch(new URL('/healthz', gateway.url)));

    expect(answer.status).toBe(200);
  });

  test('/readyz is 503 with what is missing', async () => {
    const answer = await toAnswer(await fetch(new URL('/readyz', gateway.url)));

    expect(answer.status).toBe(503);
    expect(answer.json.problems).toEqual({ 'mcp-gateway.revocations': 'not loaded' });
  });
});
