import { afterEach, describe, expect, it } from 'vitest';
import { createLocalAccount } from '../identity/accounts.ts';
import { nextOf, TestBrowser } from '../oauth/testing/browser.ts';
import { authorizeUrl, pkce, redirectUri, register } from '../oauth/testing/client.ts';
import { openSignIn, type SignInUnderTest } from '../testing/open-sign-in.ts';

let system: SignInUnderTest;
afterEach(() => system.close());

describe('connecting a client', () => {
  it('signs in with a password and arrives at the client with a code', async () => {
    system = await openSignIn();
    await createLocalAccount(system.database, { userName: 'ada', password: 'correct horse battery' });
    const browser = new TestBrowser(system.url);
    const client = await register(system.url, { client_name: 'Claude Code' });

    const consent = await browser.open(
      authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge }),
    );
    const signIn = await browser.submit(consent, { decision: 'allow', scope: ['models:read', 'runs:read'] });
    const end = await browser.submit(signIn, {
      driver: 'local',
      user_name: 'Ada',
      password: 'correct horse battery',
    });

    expect(consent.html).toContain('Connect Claude Code?');
    expect(nextOf(end).href).toMatch(new RegExp(`^${redirectUri}\\?code=.+&state=`));
    expect(await system.engine.grants.list({ clientId: client })).toMatchObject([
      { display: 'ada', scopes: ['models:read', 'runs:read'] },
    ]);
    expect(system.faults).toEqual([]);
  });
});

describe('a form that is sent twice', () => {
  const password = 'correct horse battery';

  async function atSignIn() {
    system = await openSignIn();
    await createLocalAccount(system.database, { userName: 'ada', password });
    const client = await register(system.url);
    const browser = new TestBrowser(system.url);
    const url = authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge });
    const consent = await browser.open(url);
    return { browser, consent };
  }

  it.each(['at once', 'one after the other'])('leads to the client with one code: %s', async (how) => {
    const { browser, consent } = await atSignIn();
    const signIn = await browser.submit(consent, { decision: 'allow', scope: 'models:read' });
    const send = () => browser.submit(signIn, { driver: 'local', user_name: 'ada', password });

    const ends =
      how === 'at once' ? await Promise.all([send(), send(), send()]) : [await send(), await send()];
    const allowAgain = await browser.submit(consent, { decision: 'allow', scope: 'models:read' });

    expect(ends.map(({ status }) => status)).toEqual(ends.map(() => 200));
    expect(new Set([...ends, allowAgain].map((end) => nextOf(end).href)).size).toBe(1);
    expect(await system.engine.grants.list({})).toHaveLength(1);
    expect(await system.dump()).not.toContain(nextOf(ends[0] ?? allowAgain).searchParams.get('code'));
  });

  it('gives nothing to another browser', async () => {
    const { browser, consent } = await atSignIn();
    await browser.submit(consent, { decision: 'deny' });

    const other = await new TestBrowser(system.url).submit(consent, { decision: 'deny' });

    expect(other.status).toBe(404);
  });
});

describe('below a path of a host that others share', () => {
  const password = 'correct horse battery';

  it.each(['a proxy passes it on', 'a proxy takes it off'])(
    'everything leads to where it is: %s',
    async (how) => {
      system = await openSignIn({ path: '/ai' });
      await createLocalAccount(system.database, { userName: 'ada', password });
      const host = new URL(system.url).origin;
      // What a proxy in front makes of an address that a browser has.
      const sent = (url: string) => (how === 'a proxy passes it on' ? url : url.replace(`${host}/ai`, host));
      const cookies = new Map<string, string>();
      const open = async (target: string, form?: Record<string, string>) => {
        const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
        const response = await fetch(sent(target), {
          redirect: 'manual',
          headers: { cookie, origin: host },
          ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
        });
        for (const line of response.headers.getSetCookie()) {
          expect(line).toContain('Path=/ai;');
          const [pair = ''] = line.split(';');
          cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
        }
        return { html: await response.text(), location: response.headers.get('location') };
      };
      const csrfOf = (html: string) => /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
      const actionOf = (html: string) => new URL(/ action="([^"]+)"/.exec(html)?.[1] ?? '', host).href;
      const client = await register(sent(system.url));

      const begun = await open(
        authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge }),
      );
      const consent = await open(begun.location ?? '');
      const allowed = await open(actionOf(consent.html), {
        csrf: csrfOf(consent.html),
        decision: 'allow',
        scope: 'models:read',
      });
      const signIn = await open(new URL(allowed.location ?? '', host).href);
      const end = await open(actionOf(signIn.html), {
        ...{ csrf: csrfOf(signIn.html), driver: 'local', user_name: 'ada', password },
      });
      const account = await open(`${system.url}/account`);

      expect(end.html).toContain(`${redirectUri}?code=`);
      expect(account.html).toContain('action="/ai/account/keys"');
      expect(
        [...account.html.matchAll(/ (?:action|href)="(\/[^"]*)"/g)].map(([, url]) => url),
      ).not.toContainEqual(expect.not.stringMatching(/^\/ai\//));
      for (const name of [
        'oauth-authorization-server/ai',
        'openid-configuration/ai',
        'oauth-authorization-server',
      ]) {
        const document = (await (await fetch(`${host}/.well-known/${name}`)).json()) as Record<
          string,
          string
        >;
        expect(document).toMatchObject({
          issuer: system.url,
          token_endpoint: `${system.url}/oauth/token`,
          authorization_endpoint: `${system.url}/oauth/authorize`,
        });
      }
    },
  );
});

describe('every document', () => {
  const logo = 'https://cdn.acme.example/logo.svg';

  it('is sent with the same strict headers, whoever of us sends it', async () => {
    system = await openSignIn({ env: { BRAND_LOGO: logo } });
    const browser = new TestBrowser(system.url);
    const client = await register(system.url);
    const url = authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge });

    const consent = await browser.open(url);
    const nothingTicked = await browser.submit(consent, { decision: 'allow' });
    const signIn = await browser.submit(consent, { decision: 'allow', scope: 'models:read' });
    const wrong = await browser.submit(signIn, { driver: 'local', user_name: 'ada', password: 'wrong' });
    const denied = await browser.submit(consent, { decision: 'deny' });
    const over = await browser.open(signIn.url);
    const unknown = await browser.open(authorizeUrl(system.url, { client_id: 'client_of_old' }));
    const account = await browser.open('/account');

    const pages = [consent, nothingTicked, signIn, wrong, denied, over, unknown, account];
    expect(pages.map(({ status }) => status)).toEqual([200, 422, 200, 422, 200, 404, 400, 200]);
    for (const { headers, html } of pages) {
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy.replace(/sha256-[\w+/=]+/, 'sha256-…')).toBe(
        "default-src 'none'; style-src 'sha256-…'; img-src data: https://cdn.acme.example; base-uri 'none'; " +
          "frame-ancestors 'none'",
      );
      expect([headers.get('x-frame-options'), headers.get('referrer-policy')]).toEqual([
        'DENY',
        'same-origin',
      ]);
      expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual([
        'no-store',
        'nosniff',
      ]);
      expect(html).toContain(`<img src="${logo}"`);
    }
  });

  it('tells whoever comes with a forgotten client how to clear it there [RW-48][RW-49]', async () => {
    system = await openSignIn();

    const page = await new TestBrowser(system.url).open(
      authorizeUrl(system.url, { client_id: 'client_of_old', code_challenge: pkce().challenge }),
    );

    expect(page.html).toContain('This client is not known here any more');
    expect(page.html).toMatch(/Claude Code[\s\S]*Clear authentication[\s\S]*mcp-remote[\s\S]*~\/\.mcp-auth/);
  });
});

describe('forms on the way to a client', () => {
  it.each([
    ['without the token', { csrf: '' }, {}],
    ['from another site', {}, { 'sec-fetch-site': 'cross-site' }],
    ['from another origin', {}, { origin: 'https://evil.example' }],
  ])('are refused %s, at each step', async (_what, fields, headers) => {
    system = await openSignIn();
    await createLocalAccount(system.database, { userName: 'ada', password: 'correct horse battery' });
    const browser = new TestBrowser(system.url);
    const client = await register(system.url);
    const url = authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge });
    const consent = await browser.open(url);

    const allowed = await browser.submit(
      consent,
      { decision: 'allow', scope: 'models:read', ...fields },
      headers,
    );
    const signIn = await browser.submit(consent, { decision: 'allow', scope: 'models:read' });
    const words = { driver: 'local', user_name: 'ada', password: 'correct horse battery' };
    const signedIn = await browser.submit(signIn, { ...words, ...fields }, headers);

    expect([allowed.status, signedIn.status]).toEqual([403, 403]);
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  it('sign nobody in before something was allowed', async () => {
    system = await openSignIn();
    await createLocalAccount(system.database, { userName: 'ada', password: 'correct horse battery' });
    const browser = new TestBrowser(system.url);
    const client = await register(system.url);
    const url = authorizeUrl(system.url, { client_id: client, code_challenge: pkce().challenge });
    const consent = await browser.open(url);

    const early = await browser.open(`${consent.url}/sign-in`);
    const forced = await browser.submit(
      { ...consent, html: consent.html.replace(/action="[^"]+"/, `action="${consent.url}/sign-in"`) },
      { driver: 'local', user_name: 'ada', password: 'correct horse battery' },
    );

    expect([early.url, forced.url]).toEqual([consent.url, consent.url]);
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  it('grant no more than was asked for, whatever is posted', async () => {
    system = await openSignIn();
    await createLocalAccount(system.database, { userName: 'ada', password: 'correct horse battery' });
    const browser = new TestBrowser(system.url);
    const client = await register(system.url);
    const asked = { client_id: client, code_challenge: pkce().challenge, scope: 'models:read runs:read' };
    const consent = await browser.open(authorizeUrl(system.url, asked));

    const signIn = await browser.submit(consent, {
      decision: 'allow',
      scope: ['mcp', 'runs:write', 'models:read'],
    });
    await browser.submit(signIn, { driver: 'local', user_name: 'ada', password: 'correct horse battery' });

    expect(await system.engine.grants.list({})).toMatchObject([{ scopes: ['models:read'] }]);
  });
});
