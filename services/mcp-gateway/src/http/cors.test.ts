import { readRevocations } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { modern, post, rpc, startTestGateway, type TestGateway, toAnswer } from '../test-gateway.ts';

const app = 'https://app.example';
const paths = ['/mcp', '/', '/mcp/x/run', '/mcp/x/run,discover/readonly'];

describe('a page of an allowed origin', () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startTestGateway({ env: { MCP_ALLOWED_ORIGINS: `${app},https://other.example` } });
  });
  afterEach(() => gateway.close());

  const ask = (path: string, init: RequestInit) => fetch(new URL(path, gateway.url), init);
  const preflight = (headers: Record<string, string>, path = '/mcp') =>
    ask(path, { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', ...headers } });

  test.each(paths)('may POST to %s with the headers of MCP', async (path) => {
    const wanted = 'content-type, authorization, mcp-protocol-version, mcp-session-id, mcp-param-region';

    const { status, headers } = await preflight(
      { origin: app, 'access-control-request-headers': wanted },
      path,
    );

    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(app);
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE');
    expect(headers.get('access-control-allow-headers')).toBe(wanted);
    expect(headers.get('access-control-max-age')).toBe('7200');
    expect(headers.get('vary')).toBe('Origin');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('may send what means nothing here, and no name that is none', async () => {
    const { headers } = await preflight({
      origin: app,
      'access-control-request-headers': 'sentry-trace, X-Tenant-Id,content-type,bad name,,x:y',
    });

    expect(headers.get('access-control-allow-headers')).toBe('sentry-trace, x-tenant-id, content-type');
  });

  test('reads its session and its windows beside the answer', async () => {
    const { headers, status } = await post(
      gateway.url,
      rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {} }),
      { origin: app },
    );

    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBe(app);
    expect(headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id');
    expect(headers.get('mcp-session-id')).not.toBeNull();
  });

  test('reads a stream', async () => {
    const { body, headers } = modern('subscriptions/listen', { notifications: {} });

    const answer = await post(gateway.url, body, { ...headers, accept: 'text/event-stream', origin: app });

    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.headers.get('access-control-allow-origin')).toBe(app);
  });

  test.each([
    { what: 'a method that is not allowed', path: '/mcp', init: { method: 'GET' }, status: 405 },
    { what: 'a document that is not there', path: '/.well-known/x', init: {}, status: 404 },
    { what: 'a body that is no JSON', path: '/mcp', init: { method: 'POST', body: '{' }, status: 415 },
  ])('reads why it is refused: $what', async ({ path, init, status }) => {
    const answer = await ask(path, { ...init, headers: { origin: app } });

    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe(app);
  });

  test.each(['https://evil.example', 'https://app.example.evil.example', 'null'])(
    'is not one of %s: it may ask nothing and read nothing',
    async (origin) => {
      const asked = await preflight({ origin });
      const posted = await post(gateway.url, rpc('ping'), { origin });
      const got = await ask('/mcp', { headers: { origin } });

      for (const { status, headers } of [asked, posted, got]) {
        expect(status).toBe(403);
        expect(headers.get('access-control-allow-origin')).toBeNull();
        expect(headers.get('vary')).toBe('Origin');
      }
    },
  );

  test('is no matter to clients that are no browsers', async () => {
    const { headers } = await post(gateway.url, rpc('ping'));

    expect([...headers.keys()].filter((name) => /^(access-control|vary)/.test(name))).toEqual([]);
  });
});

describe.each(['none', 'keys'])('with INFERRY_AUTH=%s', (auth) => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startTestGateway({
      env: { INFERRY_AUTH: auth },
      serve: (services) => {
        services.serve(readRevocations, async () => ({ items: [], latest: 0 }));
      },
    });
    await vi.waitFor(async () => expect((await gateway.service.readiness()).isReady).toBe(true));
  });
  afterEach(() => gateway.close());

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, gateway.url), init).then(toAnswer);

  test.each([
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/mcp',
    '/.well-known/mcp.json',
    '/.well-known/',
  ])('%s is a JSON 404', async (path) => {
    const answer = await ask(path);

    expect(answer.status).toBe(404);
    expect(answer.json.error.data.code).toBe('not_found');
  });

  describe.each(paths)('%s', (path) => {
    // GET would be a stream that nothing is sent on, and DELETE the end of a session that nobody stores: a server may
    // refuse both in every revision (MCP 2025-03-26 to 2026-07-28, transports).
    test.each(['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'])('refuses %s with 405', async (method) => {
      for (const version of ['2025-03-26', '2025-11-25', '2026-07-28']) {
        const answer = await ask(path, { method, headers: { 'mcp-protocol-version': version } });

        expect(answer).toMatchObject({
          status: 405,
          json: { error: { data: { code: 'method_not_allowed' } } },
        });
        expect(answer.headers.get('allow')).toBe('POST');
      }
    });

    test('refuses HEAD with 405 and no body', async () => {
      const answer = await fetch(new URL(path, gateway.url), { method: 'HEAD' });

      expect([answer.status, await answer.text()]).toEqual([405, '']);
    });
  });
});
