// Holds what people see who connect a client to a profile: its look, its platform's key at once, and no other one's.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextOf, type Page, TestBrowser } from '../oauth/testing/browser.ts';
import { authorizeUrl, pkce, redirectUri, register } from '../oauth/testing/client.ts';
import { openSignIn, type SignInUnderTest } from '../testing/open-sign-in.ts';
import { type ScriptedKeys, scriptKeys } from '../testing/scripted-keys.ts';

let system: SignInUnderTest;
let runware: ScriptedKeys;
let other: ScriptedKeys;
let browser: TestBrowser;
const key = 'rw_0123456789abcdefghij';

beforeEach(async () => {
  runware = scriptKeys('runware', 'Runware');
  other = scriptKeys('acme', 'Acme');
  runware.verdicts.set(key, { outcome: 'ok' });
  other.verdicts.set('acme_0123456789abcdef', { outcome: 'ok' });
  system = await openSignIn({
    env: {
      AUTH_DRIVERS: 'local,apikey',
      PROFILE_BRANDS:
        '{"runware":{"name":"Fast Media","color":"#0a7f5a","logo":"https://cdn.fast.example/l.png"}}',
    },
    providers: [runware.provider, other.provider],
    profiles: new Map([
      ['runware', { providers: ['runware'], isKeyFirst: true }],
      ['runpod', { offeredScopes: ['infra'] }],
    ]),
  });
  browser = new TestBrowser(system.url);
});
afterEach(async () => {
  expect(system.faults).toEqual([]);
  await system.close();
});

async function connect(path: string, params: Record<string, string> = {}): Promise<Page> {
  const client = await register(system.url, { client_name: 'Claude Code' });
  const resource = `${system.url}${path}`;
  const asked = { client_id: client, code_challenge: pkce().challenge, resource, ...params };
  return browser.open(authorizeUrl(system.url, asked));
}

const allow = { decision: 'allow', scope: 'models:read', driver: 'apikey', provider: 'runware' };

describe('the page of a profile whose people have keys', () => {
  it('shows who asks and takes the key at once: one form connects the client [RW-05][RW-16][RW-41]', async () => {
    const page = await connect('/mcp/runware');

    const end = await browser.submit(page, { ...allow, key });

    expect(page.html).toContain('Connect Claude Code?');
    expect(page.html).toMatch(/<label for="key">Runware API key/);
    expect(nextOf(end).href).toMatch(new RegExp(`^${redirectUri}\\?code=.+&state=`));
    expect(await system.engine.grants.list({})).toMatchObject([{ scopes: ['models:read'] }]);
    expect(await system.dump()).not.toContain(key);
  });

  it('is denied without a key', async () => {
    const page = await connect('/mcp/runware');

    const end = await browser.submit(page, { decision: 'deny', key: '' });

    expect(page.html).toMatch(/value="deny" formnovalidate/);
    expect(nextOf(end).searchParams.get('error')).toBe('access_denied');
  });

  it('says that a key was refused, in the profile’s look, and takes the right one then', async () => {
    runware.verdicts.set('rw_wrong_0123456789', { outcome: 'rejected' });
    const page = await connect('/mcp/runware');

    const again = await browser.submit(page, { ...allow, key: 'rw_wrong_0123456789' });
    const end = await browser.submit(again, { driver: 'apikey', provider: 'runware', key });

    expect([again.status, again.html.includes('Runware does not accept this key')]).toEqual([422, true]);
    expect(again.html).toContain('Fast Media');
    expect(nextOf(end).searchParams.has('code')).toBe(true);
  });

  it('asks for no other platform’s key, and takes none', async () => {
    const page = await connect('/mcp/runware');

    const end = await browser.submit(page, { ...allow, provider: 'acme', key: 'acme_0123456789abcdef' });

    expect(page.html).not.toContain('Acme');
    expect(end.status).toBe(400);
    expect(other.probes).toBe(0);
  });

  it('asks whoever is signed in for nothing', async () => {
    await browser.submit(await connect('/mcp/runware'), { ...allow, key });

    const page = await connect('/mcp/runware');

    expect(page.html).toContain('Signed in as');
    expect(page.html).not.toContain('name="key"');
  });

  it('looks as it is configured to, with a policy for that look, and the last page does too', async () => {
    const page = await connect('/mcp/runware');

    const end = await browser.submit(page, { ...allow, key });

    for (const { html, headers } of [page, end]) {
      expect(html).toContain('<img src="https://cdn.fast.example/l.png"');
      expect(html).toMatch(/<title>[^<]* · Fast Media<\/title>/);
      expect(headers.get('content-security-policy')).toContain('img-src data: https://cdn.fast.example');
    }
    const policies = [page, end, await connect('/mcp')].map((one) =>
      String(one.headers.get('content-security-policy')),
    );
    expect(new Set(policies).size).toBe(2);
  });
});

describe('the page of the deployment', () => {
  it.each(['/mcp', '/', '/mcp/modelrunner'])('is as it was for a client of %s', async (path) => {
    const page = await connect(path);

    const signIn = await browser.submit(page, { decision: 'allow', scope: 'models:read' });

    expect(page.html).toContain('· Inferry</title>');
    expect(page.html).not.toContain('name="key"');
    expect(signIn.html).toContain('name="password"');
  });

  it('offers paid machines unticked where a profile has them, to clients that ask for mcp alone', async () => {
    const page = await connect('/mcp/runpod', { scope: 'mcp' });

    expect(page.html).toMatch(/value="infra"><span>/);
    expect(page.html).toContain('costs money until it is stopped');
  });

  it('says in plain words that a scope opens paid machines, when it is asked for', async () => {
    const usual = await connect('/mcp', { scope: 'mcp' });
    const costly = await connect('/mcp', { scope: 'mcp infra' });

    expect(usual.html).not.toContain('value="infra"');
    expect(costly.html).toMatch(/value="infra"[^<]*checked|value="infra" checked/);
    expect(costly.html).toContain('Create, change and delete machines');
    expect(costly.html).toContain('costs money until it is stopped');
  });
});
