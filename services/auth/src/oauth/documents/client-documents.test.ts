import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nextOf, type Page, TestBrowser } from '../testing/browser.ts';
import {
  authorizeUrl,
  claimsOf,
  pkce,
  post,
  redirectUri,
  refreshForm,
  signIn,
  tokensOf,
} from '../testing/client.ts';
import { type DocumentHost, startDocumentHost } from '../testing/document-host.ts';
import { type OAuthTestOptions, type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let host: DocumentHost;
let oauth: OAuthUnderTest;

beforeEach(async () => {
  host = await startDocumentHost({
    'mixed.example': [['127.0.0.1', '10.0.0.1']],
    'rebind.example': [['10.0.0.1'], ['127.0.0.1']],
    'private.example': [['192.168.1.1']],
    'six.example': [['::ffff:10.0.0.1']],
  });
  await restart();
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  for (const url of oauth.replicaUrls) expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await oauth.close();
  await host.close();
});

async function restart(options: OAuthTestOptions = {}): Promise<void> {
  await oauth?.close();
  oauth = await openOAuth({ replicas: 1, documents: host.options, ...options });
}

const documentOf = (url: string): object => ({
  client_id: url,
  client_name: 'Documented',
  redirect_uris: [redirectUri],
  token_endpoint_auth_method: 'none',
});

function open(clientId: string, params: Record<string, string> = {}): Promise<Page> {
  const query = { client_id: clientId, code_challenge: pkce().challenge, ...params };
  return new TestBrowser(oauth.url).open(authorizeUrl(oauth.url, query));
}

describe('a client that is known by a document', () => {
  it('signs in without a registration, and is shown by the host that it proved', async () => {
    const clientId = host.serve('/client.json', documentOf);

    const page = await open(clientId);
    const tokens = await tokensOf(oauth.url, { clientId });
    const refreshed = await post(`${oauth.url}/oauth/token`, refreshForm(clientId, tokens.refresh_token));

    expect(page.html).toContain('Documented');
    expect(page.html).toContain('client.example');
    expect(page.html).not.toContain('unverified client');
    expect(claimsOf(refreshed.body)).toMatchObject({ client_id: clientId, scope: 'mcp' });
    await expect(oauth.database.queries.selectFrom('oauth_clients').selectAll().execute()).resolves.toEqual(
      [],
    );
  });

  it('may be called back at its own host', async () => {
    const own = `${host.origin}/callback`;
    const clientId = host.serve('/own.json', (url) => ({ ...documentOf(url), redirect_uris: [own] }));

    const { callback } = await signIn(oauth.url, { clientId, params: { redirect_uri: own } });

    expect(callback.href.startsWith(`${own}?code=`)).toBe(true);
  });

  it('uses any port of localhost that its document has without one', async () => {
    const clientId = host.serve('/cli.json', (url) => ({
      ...documentOf(url),
      redirect_uris: ['http://localhost/callback'],
    }));

    const page = await open(clientId, { redirect_uri: 'http://localhost:51234/callback' });

    expect(page.status).toBe(200);
  });

  it('has no ceiling of scopes', async () => {
    const clientId = host.serve('/scope.json', (url) => ({ ...documentOf(url), scope: 'models:read' }));

    await expect(tokensOf(oauth.url, { clientId, scopes: ['mcp'] })).resolves.toMatchObject({ scope: 'mcp' });
  });

  it('may prove itself with a key', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = host.serve('/keys.json', () => ({ keys: [] }));
    const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'own' };
    host.serve('/keys.json', () => ({ keys: [jwk] }));
    const clientId = host.serve('/keyed.json', (url) => ({
      ...documentOf(url),
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: keys,
    }));
    const { callback, verifier } = await signIn(oauth.url, { clientId });
    const assertion = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'own' })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(oauth.url)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey);
    const request = new URLSearchParams({
      ...{
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        code_verifier: verifier,
      },
      ...{ redirect_uri: redirectUri, client_assertion: assertion },
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const without = new URLSearchParams(
      [...request].filter(([name]) => !name.startsWith('client_assertion')),
    );
    without.set('client_id', clientId);

    const answers = [
      await post(`${oauth.url}/oauth/token`, without),
      await post(`${oauth.url}/oauth/token`, request),
    ];

    expect(answers.map(({ status }) => status)).toEqual([401, 200]);
  });

  it('is asked for once by requests that come at once, and kept', async () => {
    const clientId = host.serve('/once.json', documentOf);

    await Promise.all(Array.from({ length: 8 }, () => open(clientId)));
    await open(clientId);

    expect(host.requests).toEqual(['/once.json']);
  });
});

describe('the URL of a document', () => {
  it.each([
    'https://127.0.0.1/c.json',
    'https://10.0.0.1/c.json',
    'https://172.16.0.1/c.json',
    'https://192.168.1.1/c.json',
    'https://169.254.169.254/latest/meta-data',
    'https://168.63.129.16/c.json',
    'https://100.64.0.1/c.json',
    'https://0.0.0.0/c.json',
    'https://255.255.255.255/c.json',
    'https://224.0.0.1/c.json',
    'https://2130706433/c.json',
    'https://0x7f.1/c.json',
    'https://0177.0.0.1/c.json',
    'https://127.1/c.json',
    'https://[::1]/c.json',
    'https://[::]/c.json',
    'https://[::ffff:127.0.0.1]/c.json',
    'https://[::ffff:7f00:1]/c.json',
    'https://[64:ff9b::7f00:1]/c.json',
    'https://[2002:7f00:1::]/c.json',
    'https://[fe80::1]/c.json',
    'https://[fd00::1]/c.json',
    'https://[2001:db8::1]/c.json',
    'https://localhost/c.json',
    'https://metadata.google.internal/c.json',
    'https://printer.local/c.json',
    'https://intranet/c.json',
    'https://private.example/c.json',
    'https://six.example/c.json',
  ])('leads nowhere inside: %s', async (clientId) => {
    await restart({
      documents: { ...host.options, addresses: { ...host.options.addresses, allowAddress: undefined } },
    });

    const page = await open(clientId);

    expect(page.status).toBe(400);
    expect(page.location).toBeNull();
    expect(host.connections).toBe(0);
  });

  it.each([
    ['http', 'http://client.example/c.json'],
    ['a user name', 'https://user@client.example/c.json'],
    ['a fragment', 'https://client.example/c.json#x'],
    ['no path', 'https://client.example'],
    ['the path /', 'https://client.example/'],
    ['dots', 'https://client.example/a/../c.json'],
    ['encoded dots', 'https://client.example/a/%2e%2e/c.json'],
    ['a port of another service', 'https://client.example:25/c.json'],
    ['a backslash', 'https://client.example\\@evil.example/c.json'],
    ['a space', 'https://client.example/ c.json'],
    ['another scheme', 'file:///etc/passwd'],
    ['no scheme', '//client.example/c.json'],
  ])('is refused with %s', async (_what, clientId) => {
    const page = await open(clientId);

    expect(page.status).toBe(400);
    expect(host.connections).toBe(0);
  });

  it('is refused when one of several addresses of its name is inside', async () => {
    const port = new URL(host.origin).port;

    const page = await open(`https://mixed.example:${port}/c.json`);

    expect(page.status).toBe(400);
    expect(host.connections).toBe(0);
  });

  it('is checked where the socket goes: a name that changes gets nowhere', async () => {
    const port = new URL(host.origin).port;

    const page = await open(`https://rebind.example:${port}/c.json`);

    expect(page.status).toBe(400);
    expect(host.connections).toBe(0);
  });
});

describe('a document', () => {
  const json = { 'content-type': 'application/json' };

  it.each<[string, (url: string) => unknown]>([
    ['of another client', () => documentOf('https://client.example/other.json')],
    ['without an id', (url) => ({ ...documentOf(url), client_id: undefined })],
    ['with a secret', (url) => ({ ...documentOf(url), client_secret: 'x'.repeat(40) })],
    [
      'with shared secrets',
      (url) => ({ ...documentOf(url), token_endpoint_auth_method: 'client_secret_basic' }),
    ],
    [
      'with a redirect to anybody',
      (url) => ({ ...documentOf(url), redirect_uris: ['https://evil.example/cb'] }),
    ],
    [
      'with a script for a redirect',
      (url) => ({ ...documentOf(url), redirect_uris: ['javascript:alert(1)'] }),
    ],
    ['without redirects', (url) => ({ ...documentOf(url), redirect_uris: [] })],
    ['that is a list', (url) => [documentOf(url)]],
    ['that is null', () => null],
    ['that is large', (url) => ({ ...documentOf(url), padding: 'x'.repeat(9_000) })],
  ])('is refused %s', async (_what, document) => {
    const clientId = host.serve('/bad.json', document);

    const page = await open(clientId);

    expect(page.status).toBe(400);
    expect(page.location).toBeNull();
  });

  it.each<[string, Parameters<DocumentHost['on']>[1]]>([
    ['is HTML', (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('{}')],
    [
      'is a script',
      (_request, response) => response.writeHead(200, { 'content-type': 'text/javascript' }).end('{}'),
    ],
    ['has no type', (_request, response) => response.writeHead(200).end('{}')],
    ['is not JSON', (_request, response) => response.writeHead(200, json).end('{"client_id":')],
    ['moved', (_request, response) => response.writeHead(302, { location: '/moved.json' }).end()],
    [
      'moved inside',
      (_request, response) => response.writeHead(307, { location: 'http://127.0.0.1/' }).end('x'),
    ],
    ['is gone', (_request, response) => response.writeHead(410, json).end('{}')],
    ['fails', (_request, response) => response.writeHead(500, json).end('{}')],
    ['is silent', () => undefined],
    ['drips', (_request, response) => void response.writeHead(200, json).write('{')],
    [
      'never ends',
      (_request, response) => {
        response.writeHead(200, json);
        const timer = setInterval(() => response.write(' '.repeat(512)), 5);
        response.on('close', () => clearInterval(timer));
      },
    ],
    [
      'is cut off',
      (_request, response) => {
        response.writeHead(200, { ...json, 'content-length': '500' });
        response.write('{');
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ])('is refused when it %s, and nothing else suffers', async (_what, listener) => {
    host.on('/bad.json', listener);
    host.serve('/moved.json', () => documentOf(`${host.origin}/bad.json`));
    const good = host.serve('/good.json', documentOf);

    const page = await open(`${host.origin}/bad.json`);
    const next = await open(good);

    expect([page.status, next.status]).toEqual([400, 200]);
    expect(host.requests).not.toContain('/moved.json');
  });

  it('that could not be read is not asked for again at once, and then is', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await restart();
    const clientId = `${host.origin}/late.json`;
    await open(clientId);
    host.serve('/late.json', documentOf);

    const early = await open(clientId);
    vi.setSystemTime(Date.now() + 31_000);
    const late = await open(clientId);
    vi.useRealTimers();

    expect([early.status, late.status]).toEqual([400, 200]);
    expect(host.requests).toEqual(['/late.json', '/late.json']);
  });

  it('is asked for so often by one address and no more', async () => {
    await restart({ settings: { documents: { perAddress: 3, inAll: 100 } } });
    const urls = Array.from({ length: 5 }, (_, number) => host.serve(`/${number}.json`, documentOf));

    const statuses = [];
    for (const url of urls) statuses.push((await open(url)).status);

    expect(statuses).toEqual([200, 200, 200, 400, 400]);
    expect(host.requests).toHaveLength(3);
  });

  it('that is gone makes the client unknown to the token endpoint', async () => {
    const { status, body } = await post(
      `${oauth.url}/oauth/token`,
      refreshForm(`${host.origin}/gone.json`, 'x'),
    );

    expect([status, body.error]).toEqual([401, 'invalid_client']);
  });

  it('lets a person refuse', async () => {
    const clientId = host.serve('/client.json', documentOf);
    const browser = new TestBrowser(oauth.url);
    const query = { client_id: clientId, code_challenge: pkce().challenge };
    const consent = await browser.open(authorizeUrl(oauth.url, query));

    const page = await browser.submit(consent, { decision: 'deny' });

    expect(nextOf(page).searchParams.get('error')).toBe('access_denied');
  });
});
