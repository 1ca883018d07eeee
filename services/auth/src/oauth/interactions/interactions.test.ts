import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Page, TestBrowser } from '../testing/browser.ts';
import { authorizeUrl, pkce, register } from '../testing/client.ts';
import { type OAuthUnderTest, openOAuth } from '../testing/open-oauth.ts';

let oauth: OAuthUnderTest;
let browser: TestBrowser;

beforeEach(async () => {
  oauth = await openOAuth();
  browser = new TestBrowser(oauth.url);
});
afterEach(async () => {
  expect(oauth.faults).toEqual([]);
  await oauth.close();
});

async function consent(metadata: object = {}, params: Record<string, string> = {}): Promise<Page> {
  const clientId = await register(oauth.url, metadata);
  return browser.open(
    authorizeUrl(oauth.url, { client_id: clientId, code_challenge: pkce().challenge, ...params }),
  );
}

const allow = { name: 'ada', scope: 'mcp', decision: 'allow' };

describe('the page where a person decides', () => {
  it('cannot be framed, scripted, stored or left with its address', async () => {
    const page = await consent();

    const csp = page.headers.get('content-security-policy') ?? '';
    expect(csp).toContain("default-src 'none'");
    expect(csp).toContain("frame-ancestors 'none'");
    expect(csp).not.toContain('form-action');
    expect(csp).not.toContain('script-src');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('shows where the code goes, and that anybody can claim the name', async () => {
    const page = await consent();

    expect(page.html).toContain('127.0.0.1:43110');
    expect(page.html).toContain('(this computer)');
    expect(page.html).toContain('unverified client');
  });

  it('shows a name as text, whatever is in it', async () => {
    const page = await consent({ client_name: '<script>alert(1)</script>\u202e' });

    expect(page.html).not.toContain('<script');
    expect(page.html).toContain('&lt;script&gt;');
    expect(page.html).not.toContain('\u202e');
  });

  it('gives the browser a cookie that scripts and other sites do not get', async () => {
    const clientId = await register(oauth.url);
    const url = authorizeUrl(oauth.url, { client_id: clientId, code_challenge: pkce().challenge });

    const response = await fetch(url, { redirect: 'manual' });

    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=900$/);
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  it('gives a __Host- cookie for https only', async () => {
    await oauth.close();
    oauth = await openOAuth({ settings: { issuer: 'https://mcp.example' } });
    const [replica = ''] = oauth.replicaUrls;
    const clientId = await register(replica);
    const url = authorizeUrl(replica, { client_id: clientId, code_challenge: pkce().challenge });

    const response = await fetch(url, { redirect: 'manual' });

    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-inferry-sign-in=[\w-]{43}; Path=\/; .*; Secure(;|$)/);
    expect(response.headers.get('location')).toMatch(/^https:\/\/mcp\.example\/oauth\/interaction\//);
  });

  it('is another address for nobody: without the cookie it is refused', async () => {
    const page = await consent();

    const stranger = await new TestBrowser(oauth.url).open(page.url);

    expect(stranger.status).toBe(403);
  });

  it('is refused to a browser with another sign-in of its own', async () => {
    const victim = new TestBrowser(oauth.url);
    const page = await consent();
    const clientId = await register(oauth.url);
    await victim.open(authorizeUrl(oauth.url, { client_id: clientId, code_challenge: pkce().challenge }));

    const seen = await victim.open(page.url);

    expect(seen.status).toBe(403);
  });

  it('lets two sign-ins of one browser go on side by side', async () => {
    const [first, second] = [await consent(), await consent()];

    const pages = [await browser.submit(first, allow), await browser.submit(second, allow)];

    expect(pages.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('is a page that tells so when the sign-in is over', async () => {
    const page = await browser.open(`${oauth.url}/oauth/interaction/${'x'.repeat(21)}`);

    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toContain('text/html');
  });
});

describe('a form', () => {
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['without its token', { csrf: '' }, {}],
    ['with the token of nobody', { csrf: 'x'.repeat(43) }, {}],
    ['from another origin', {}, { origin: 'https://evil.example' }],
    ['from no origin', {}, { origin: 'null' }],
    ['from another site', {}, { 'sec-fetch-site': 'cross-site' }],
    ['from a neighbour', {}, { 'sec-fetch-site': 'same-site' }],
  ])('is refused %s', async (_what, fields, headers) => {
    const page = await consent();

    const answer = await browser.submit(page, { ...allow, ...fields }, headers);

    expect(answer.status).toBe(403);
    await expect(oauth.engines[0]?.grants.list({ subject: 'ada' })).resolves.toEqual([]);
  });

  it('with the token of another sign-in of the same browser is refused', async () => {
    const [first, second] = [await consent(), await consent()];
    const csrf = /name="csrf" value="([^"]*)"/.exec(second.html)?.[1] ?? '';

    const answer = await browser.submit(first, { ...allow, csrf });

    expect(answer.status).toBe(403);
  });

  it('is answered with a page that goes on by itself and by a link', async () => {
    const page = await consent();

    const answer = await browser.submit(page, allow);

    expect(answer.status).toBe(200);
    expect(answer.location).toBeNull();
    expect(answer.html).toMatch(
      /<meta http-equiv="refresh" content="0;url=http:\/\/127\.0\.0\.1:43110\/callback\?code=/,
    );
    expect(answer.html).toMatch(/<a href="http:\/\/127\.0\.0\.1:43110\/callback\?code=/);
    expect(answer.headers.get('content-security-policy')).not.toContain('form-action');
  });

  it('goes on to an app', async () => {
    const uri = 'cursor://anysphere.cursor-mcp/oauth/callback';
    const page = await consent({ redirect_uris: [uri], application_type: 'web' }, { redirect_uri: uri });

    const answer = await browser.submit(page, allow);

    expect(answer.html).toContain(`href="${uri}?code=`);
  });
});

describe('a stash', () => {
  it('is on the server, for the steps of one sign-in', async () => {
    const [engine] = oauth.engines;
    const page = await consent();
    const uid = page.url.split('/').at(-1) ?? '';
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    // as: what the interactions read of a request.
    const request = { headers: { cookie }, params: { uid }, raw: { headers: {}, socket: {} } } as never;
    const before = await engine?.interactions.read(request);
    if (before === undefined) throw new Error('There is no sign-in.');

    await engine?.interactions.saveStash(before, { verifier: 'v' });
    const after = await oauth.engines[1]?.interactions.read(request);

    expect(before.stash).toBeUndefined();
    expect(after?.stash).toEqual({ verifier: 'v' });
  });
});
