import { createInProcessLimits } from '@inferry/limits';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { post, redirectUri, refreshForm, register, tokensOf } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  oauth = await openOAuth({ limits: createInProcessLimits() });
});
afterEach(async () => {
  await oauth.close();
  vi.useRealTimers();
});

const send = (metadata: unknown, path = '/oauth/register') => post(`${oauth.url}${path}`, metadata as object);
const day = 86_400_000;

async function isKnown(clientId: string): Promise<boolean> {
  const { body } = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, 'x'));
  return body.error !== 'invalid_client';
}

describe('a registration', () => {
  it('makes a public client of whoever asks [MR-02][MR-51][RP-30]', async () => {
    const { status, body, headers } = await send({ client_name: 'Claude', redirect_uris: [redirectUri] });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      client_id: expect.stringMatching(/^client_[\w-]{22}$/),
      client_name: 'Claude',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    });
    expect(body).not.toHaveProperty('client_secret');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('access-control-allow-origin')).toBe('*');
  });

  it('may come to the address that old clients guess', async () => {
    expect((await send({ redirect_uris: [redirectUri] }, '/register')).status).toBe(201);
  });

  it('takes what Cursor sends', async () => {
    const { status } = await send({
      client_name: 'Cursor',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      token_endpoint_auth_method: 'none',
      application_type: 'web',
    });

    expect(status).toBe(201);
  });

  it('takes what VS Code sends', async () => {
    const { status } = await send({
      redirect_uris: [
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
        'https://vscode.dev/redirect',
        'https://insiders.vscode.dev/redirect',
      ],
    });

    expect(status).toBe(201);
  });

  it.each([
    ['Claude', ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback']],
    ['ChatGPT', ['https://chatgpt.com/connector_platform_oauth_redirect']],
    ['Claude Code', ['http://localhost:54545/callback']],
    ['programs on loopback', ['http://127.0.0.1:3334/oauth/callback', 'http://[::1]:3334/oauth/callback']],
  ])('takes what %s sends', async (_client, redirectUris) => {
    const { status, body } = await send({ redirect_uris: redirectUris });

    expect(status).toBe(201);
    expect(body.redirect_uris).toEqual(expect.arrayContaining(redirectUris));
  });

  it('takes no scope for a ceiling: a later step up gets over it', async () => {
    const clientId = await register(oauth.url, { scope: 'models:read' });

    const tokens = await tokensOf(oauth.url, { clientId, scopes: ['mcp'], params: { scope: 'mcp' } });

    expect(tokens.scope).toBe('mcp');
  });

  it.each<[string, unknown, string]>([
    ['no redirect address', { client_name: 'x' }, 'invalid_client_metadata'],
    ['an empty list', { redirect_uris: [] }, 'invalid_client_metadata'],
    [
      'eleven of them',
      { redirect_uris: Array.from({ length: 11 }, (_, n) => `http://localhost/${n}`) },
      'invalid_client_metadata',
    ],
    ['another host', { redirect_uris: ['https://evil.example/cb'] }, 'invalid_redirect_uri'],
    ['another port', { redirect_uris: ['https://vscode.dev:8443/redirect'] }, 'invalid_redirect_uri'],
    ['what a user made', { redirect_uris: ['https://claude.ai/public/artifacts/x'] }, 'invalid_redirect_uri'],
    ['a path above', { redirect_uris: ['https://vscode.dev/redirect/../x'] }, 'invalid_redirect_uri'],
    ['a longer path', { redirect_uris: ['https://vscode.dev/redirected'] }, 'invalid_redirect_uri'],
    ['no text', { redirect_uris: [null, 7] }, 'invalid_redirect_uri'],
    ['http', { redirect_uris: ['http://claude.ai/callback'] }, 'invalid_redirect_uri'],
    ['a user name', { redirect_uris: ['https://a@claude.ai/callback'] }, 'invalid_redirect_uri'],
    ['a wildcard', { redirect_uris: ['https://*.claude.ai/callback'] }, 'invalid_redirect_uri'],
    ['a fragment', { redirect_uris: ['https://claude.ai/callback#x'] }, 'invalid_redirect_uri'],
    ['a backslash', { redirect_uris: ['https://claude.ai\\@evil.example/'] }, 'invalid_redirect_uri'],
    ['a control character', { redirect_uris: ['https://claude.ai/\u0001'] }, 'invalid_redirect_uri'],
    ['a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['a file', { redirect_uris: ['file:///etc/passwd'] }, 'invalid_redirect_uri'],
    ['an unknown scheme', { redirect_uris: ['evil://callback'] }, 'invalid_redirect_uri'],
    ['a list', [redirectUri], 'invalid_client_metadata'],
  ])('is refused with %s', async (_what, metadata, error) => {
    const { status, body } = await send(metadata);

    expect([status, body.error]).toEqual([400, error]);
    expect(body.error_description.length).toBeGreaterThan(10);
  });

  it('names the address that is wrong, among others that are right', async () => {
    const { body } = await send({ redirect_uris: ['https://evil.example/cb', 'evil:x'] });

    expect(body.error_description).toContain('https://evil.example/cb');
  });

  it('keeps what is allowed, and says what that is', async () => {
    const { status, body } = await send({
      ...{ client_name: 'x'.repeat(101), client_uri: null, scope: null, contacts: null },
      redirect_uris: [redirectUri, 'https://evil.example/cb', 'cursor://anysphere.cursor-mcp/oauth/callback'],
    });
    const unnamed = await send({ client_name: null, client_uri: 7, redirect_uris: [redirectUri] });

    expect([status, body.redirect_uris]).toEqual([
      201,
      [redirectUri, 'cursor://anysphere.cursor-mcp/oauth/callback'],
    ]);
    expect(body.client_name).toBe('x'.repeat(100));
    expect(body).not.toHaveProperty('client_uri');
    expect([unnamed.status, 'client_name' in unnamed.body]).toEqual([201, false]);
  });

  it('is refused when it is not JSON, or large', async () => {
    const answers = [
      await post(`${oauth.url}/oauth/register`, new URLSearchParams({ redirect_uris: redirectUri })),
      await send({ redirect_uris: [redirectUri], client_name: 'x'.repeat(20_000) }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([400, 413]);
  });
});

describe('registrations', () => {
  it('of one address are counted: sixty at once pass, a flood does not', async () => {
    const answers = await Promise.all(
      Array.from({ length: 130 }, () => send({ redirect_uris: [redirectUri] })),
    );

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(100);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    const rows = await oauth.database.queries.selectFrom('oauth_clients').select('client_id').execute();
    expect(rows).toHaveLength(100);
  });

  it('of all addresses are counted too', async () => {
    await oauth.close();
    oauth = await openOAuth({ settings: { registrations: { perAddress: 100, inAll: 2 } } });

    const statuses = [];
    for (let count = 0; count < 3; count += 1)
      statuses.push((await send({ redirect_uris: [redirectUri] })).status);

    expect(statuses).toEqual([201, 201, 429]);
  });

  it('end after ninety days when nobody used them, and their rows go', async () => {
    const clientId = await register(oauth.url);
    vi.setSystemTime(Date.now() + 89 * day);
    const before = await isKnown(clientId);

    vi.setSystemTime(Date.now() + day + 1_000);
    const after = await isKnown(clientId);
    await oauth.engines[0]?.tick();

    expect([before, after]).toEqual([true, false]);
    await expect(oauth.database.queries.selectFrom('oauth_clients').selectAll().execute()).resolves.toEqual(
      [],
    );
  });

  it('that were used live for ninety days after the last use', async () => {
    const clientId = await register(oauth.url);
    const tokens = await tokensOf(oauth.url, { clientId });
    vi.setSystemTime(Date.now() + 25 * day);
    await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token));
    await Promise.all(oauth.engines.map((engine) => engine.drain()));

    vi.setSystemTime(Date.now() + 89 * day);
    const before = await isKnown(clientId);
    vi.setSystemTime(Date.now() + 2 * day);
    const after = await isKnown(clientId);

    expect([before, after]).toEqual([true, false]);
  });
});
