import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextOf, TestBrowser } from '../testing/browser.ts';
import {
  authorizeUrl,
  claimsOf,
  pkce,
  post,
  redirectUri,
  register,
  signIn,
  tokensOf,
} from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;
let clientId: string;

beforeEach(async () => {
  oauth = await openOAuth();
  clientId = await register(oauth.url);
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

function open(params: Record<string, string | undefined>) {
  const all = { client_id: clientId, code_challenge: pkce().challenge, ...params };
  return new TestBrowser(oauth.url).open(authorizeUrl(oauth.url, all));
}

describe('where a code may go', () => {
  const evil = 'https://evil.example/callback';
  it.each([
    ['another host', evil],
    ['a user name that looks like the host', 'http://127.0.0.1:43110@evil.example/callback'],
    ['a user name', 'http://user@127.0.0.1:43110/callback'],
    ['a backslash', 'http://127.0.0.1:43110\\@evil.example/callback'],
    ['a subdomain', 'http://127.0.0.1.evil.example/callback'],
    ['another case of the path', 'http://127.0.0.1:43110/Callback'],
    ['a longer path', 'http://127.0.0.1:43110/callback/more'],
    ['another query', `${redirectUri}?to=evil`],
    ['a fragment', `${redirectUri}#x`],
    ['https on loopback', 'https://127.0.0.1:43110/callback'],
    ['another loopback name', 'http://localhost:43110/callback'],
    ['a script', 'javascript:alert(1)'],
    ['no URL', 'callback'],
    ['a line break', 'http://127.0.0.1:43110/callback\r\nx'],
  ])('is refused here, without a redirect, with %s', async (_what, uri) => {
    const page = await open({ redirect_uri: uri });

    expect(page.status).toBe(400);
    expect(page.location).toBeNull();
    expect(page.html).not.toContain('http-equiv="refresh"');
  });

  it.each(['http://127.0.0.1:1/callback', 'http://127.0.0.1/callback', 'http://127.0.0.1:65535/callback'])(
    'is any port of the registered loopback address: %s (RFC 8252) [RP-40]',
    async (uri) => {
      const page = await open({ redirect_uri: uri });

      expect(page.status).toBe(200);
    },
  );

  it('is any port of localhost, for a client that registered it without one', async () => {
    clientId = await register(oauth.url, { redirect_uris: ['http://localhost/callback'] });

    const page = await open({ redirect_uri: 'http://localhost:51234/callback' });

    expect(page.status).toBe(200);
  });

  it.each(['http://127.0.0.1:33418', 'http://127.0.0.1:33418/'])(
    'is %s, with the other slash registered',
    async (uri) => {
      const other = uri.endsWith('/') ? uri.slice(0, -1) : `${uri}/`;
      clientId = await register(oauth.url, { redirect_uris: [other] });

      const page = await open({ redirect_uri: uri });

      expect(page.status).toBe(200);
    },
  );

  it('is refused when it comes twice', async () => {
    const url = `${authorizeUrl(oauth.url, { client_id: clientId, code_challenge: pkce().challenge })}&redirect_uri=${encodeURIComponent(evil)}`;

    const page = await new TestBrowser(oauth.url).open(url);

    expect(page.status).toBe(400);
    expect(page.location).toBeNull();
  });
});

describe('an authorization request', () => {
  it.each<[string, Record<string, string | undefined>, string]>([
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['the method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no method', { code_challenge_method: undefined }, 'invalid_request'],
    ['a short challenge', { code_challenge: 'short' }, 'invalid_request'],
    ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['an ID token', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['another response mode', { response_mode: 'form_post' }, 'unsupported_response_mode'],
    ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['a request address', { request_uri: 'https://evil.example/r' }, 'request_uri_not_supported'],
    ['another resource', { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
    ['prompt=none', { prompt: 'none' }, 'login_required'],
  ])(
    'is answered to the client, with the issuer and the state: %s (RFC 9207)',
    async (_what, params, error) => {
      const page = await open(params);

      const target = nextOf(page);
      // Other response types are answered in the fragment.
      const answer = new URLSearchParams(target.search || target.hash.slice(1));
      expect(`${target.origin}${target.pathname}`).toBe(redirectUri);
      expect(answer.get('error')).toBe(error);
      expect(answer.get('iss')).toBe(oauth.url);
      expect(answer.get('state')).toBe('the state');
      expect(answer.has('code')).toBe(false);
    },
  );

  it('without a scope is for the default one', async () => {
    const page = await open({});

    expect(page.html).toContain('value="mcp" checked');
    expect(page.html).not.toContain('value="runs:read" checked');
  });

  it('with scopes that nobody knows is for the others', async () => {
    const page = await open({ scope: 'openid offline_access runs:read files:everything' });

    expect(page.html).toContain('value="runs:read" checked');
    expect(page.html).not.toContain('value="mcp" checked');
  });

  it.each(['prompt', 'nonce', 'max_age', 'acr_values', 'claims', 'id_token_hint'])(
    'goes on although it has a parameter of OpenID Connect: %s',
    async (name) => {
      const page = await open({ [name]: name === 'prompt' ? 'select_account' : '1' });

      expect(page.status).toBe(200);
    },
  );

  it.each(['', '/', '/mcp', '/mcp/', '/mcp/x/run,files'])(
    'is for one resource, however the client spells it: %s (RFC 8707)',
    async (path) => {
      const tokens = await tokensOf(oauth.url, { clientId, params: { resource: `${oauth.url}${path}` } });

      expect(claimsOf(tokens).aud).toBe(`${oauth.url}/mcp`);
    },
  );

  it('is for one resource with an upper-case scheme and host', async () => {
    const resource = `HTTP://${new URL(oauth.url).host.toUpperCase()}/mcp`;

    const tokens = await tokensOf(oauth.url, { clientId, params: { resource } });

    expect(claimsOf(tokens).aud).toBe(`${oauth.url}/mcp`);
  });

  it('of a client that is not known tells how to make the client forget this server [RW-48][RW-49]', async () => {
    const page = await open({ client_id: 'client_of_another_time' });

    expect(page.status).toBe(400);
    expect(page.location).toBeNull();
    expect(page.html).toMatch(/mcp-auth.*|Clear authentication/);
  });

  it('is counted for each address', async () => {
    await oauth.close();
    oauth = await openOAuth({ settings: { authorizationsPerAddress: 3 } });
    clientId = await register(oauth.url);

    const pages = [await open({}), await open({}), await open({}), await open({})];

    expect(pages.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(Number(pages[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('works at the address that old clients guess [RP-31][RW-41]', async () => {
    const { challenge } = pkce();
    const url = authorizeUrl(oauth.url, { client_id: clientId, code_challenge: challenge });

    const page = await new TestBrowser(oauth.url).open(url.replace('/oauth/authorize', '/authorize'));

    expect(page.status).toBe(200);
  });
});

describe('the decision', () => {
  it.each<[string, string[]]>([
    ['narrower than', ['runs:read']],
    ['wider than', ['models:read', 'runs:read', 'runs:write', 'account:read']],
    ['other than', ['account:read']],
  ])('may be %s what was asked for, and stays so', async (_what, scopes) => {
    const params = { scope: 'runs:read models:read' };

    const tokens = await tokensOf(oauth.url, { clientId, scopes, params });
    const refresh = new URLSearchParams({
      ...{ grant_type: 'refresh_token', client_id: clientId, refresh_token: tokens.refresh_token },
    });
    const refreshed = await post(`${oauth.url}/oauth/token`, refresh);

    expect(tokens.scope.split(' ').sort()).toEqual([...scopes].sort());
    expect(String(claimsOf(tokens).scope).split(' ').sort()).toEqual([...scopes].sort());
    expect(refreshed.body.scope).toBe(tokens.scope);
  });

  it('of nothing is a refusal', async () => {
    const { callback } = await signIn(oauth.url, { clientId, scopes: [] });

    expect(callback.searchParams.get('error')).toBe('access_denied');
  });

  it('to refuse is told to the client, with the issuer', async () => {
    const browser = new TestBrowser(oauth.url);
    const consent = await browser.open(
      authorizeUrl(oauth.url, { client_id: clientId, code_challenge: pkce().challenge }),
    );

    const page = await browser.submit(consent, { decision: 'deny' });

    const target = nextOf(page);
    expect(page.status).toBe(200);
    expect(Object.fromEntries(target.searchParams)).toMatchObject({
      error: 'access_denied',
      iss: oauth.url,
      state: 'the state',
    });
  });

  it('counts once, however often the button is pressed', async () => {
    const browser = new TestBrowser(oauth.url);
    const consent = await browser.open(
      authorizeUrl(oauth.url, { client_id: clientId, code_challenge: pkce().challenge }),
    );
    const press = () => browser.submit(consent, { name: 'ada', scope: 'mcp', decision: 'allow' });

    const pages = await Promise.all([press(), press(), press(), press()]);

    expect(pages.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404]);
    await expect(oauth.engines[0]?.grants.list({ subject: 'ada' })).resolves.toHaveLength(1);
  });

  it('remembers nobody: the next client finds nobody signed in', async () => {
    const browser = new TestBrowser(oauth.url);
    await signIn(oauth.url, { clientId, browser });

    const { callback } = await signIn(oauth.url, { clientId, browser, subject: 'bob' });

    expect(callback.searchParams.has('code')).toBe(true);
    await expect(oauth.engines[0]?.grants.list({ subject: 'bob' })).resolves.toHaveLength(1);
  });
});
