/** The sign-in of Runpod's console, whole: the client, the browser, the console and its backend. */
import { openRunpodConsole, type RunpodConsole } from '@inferry/testing/emulators';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextOf, type Page, TestBrowser } from '../../oauth/testing/browser.ts';
import {
  authorizeUrl,
  claimsOf,
  codeForm,
  pkce,
  post,
  redirectUri,
  refreshForm,
  register,
  toAnswer,
} from '../../oauth/testing/client.ts';
import { openSignIn, type SignInUnderTest } from '../../testing/open-sign-in.ts';
import { scriptKeys } from '../../testing/scripted-keys.ts';

let site: RunpodConsole;
let system: SignInUnderTest;
/** How long the driver waited, and what happens meanwhile. */
let waits: number[];
let meanwhile: () => Promise<unknown>;

async function open(env: Record<string, string> = {}, options: { redirectUris?: string[] } = {}) {
  system = await openSignIn({
    ...options,
    env: { ...site.env, ...env },
    providers: [scriptKeys('runpod', 'Runpod').provider],
    async pause(ms) {
      waits.push(ms);
      await meanwhile();
    },
  });
}

beforeEach(async () => {
  waits = [];
  meanwhile = async () => undefined;
  site = await openRunpodConsole();
});
afterEach(async () => {
  await system.close();
  await site.close();
});

interface AtConsole {
  browser: TestBrowser;
  clientId: string;
  verifier: string;
  /** The console's page, where somebody approves. */
  console: URL;
}

async function begin(params: Record<string, string> = {}): Promise<AtConsole> {
  const browser = new TestBrowser(system.url);
  const clientId = await register(system.url);
  const { verifier, challenge } = pkce();
  const url = authorizeUrl(system.url, { client_id: clientId, code_challenge: challenge, ...params });
  const consent = await browser.open(url);
  const away = await browser.submit(consent, { decision: 'allow', scope: ['models:read', 'runs:read'] });
  return { browser, clientId, verifier, console: new URL(away.location ?? '') };
}

/** What a click in the console leads to. */
async function decide(at: URL, decision: 'approve' | 'deny'): Promise<string> {
  const url = `${site.url}/decide${at.search}&decision=${decision}`;
  const response = await fetch(url, { redirect: 'manual' });
  return response.headers.get('location') ?? '';
}

async function redeem({ clientId, verifier }: AtConsole, end: Page) {
  const code = nextOf(end).searchParams.get('code') ?? '';
  return { code, answer: await post(`${system.url}/token`, codeForm(clientId, code, verifier)) };
}

describe('signing in with Runpod', () => {
  it('makes a request as a guest and leads to the console with it [RP-31][RP-35][RP-36][RP-38]', async () => {
    await open();

    const { console: at } = await begin();

    expect(`${at.origin}${at.pathname}`).toBe(`${site.url}/integrations/mcp/login`);
    expect([...at.searchParams.keys()]).toEqual(['request', 'redirect_uri', 'state']);
    expect(at.searchParams.get('redirect_uri')).toBe(`${system.url}/oauth/callback/runpod`);
    expect(site.asked).toEqual([
      { query: 'mutation { createFlashAuthRequest(apiKeyName: "runpod-mcp") { id } }', bearer: undefined },
    ]);
  });

  it('sends no name to a backend that takes none [RP-38]', async () => {
    site.takesNoName = true;
    await open({ RUNPOD_API_KEY_NAME: '' });

    const { console: at } = await begin();

    expect(at.searchParams.get('request')).toMatch(/^\w+$/);
    expect(site.asked[0]?.query).toBe('mutation { createFlashAuthRequest { id } }');
  });

  it('gives the client a token of ours and seals the key that was minted [RP-32][RP-33][RP-34][RP-42]', async () => {
    await open();
    const way = await begin();

    const end = await way.browser.open(await decide(way.console, 'approve'));
    const { code, answer } = await redeem(way, end);

    const [key = 'none'] = site.minted;
    expect([answer.status, claimsOf(answer.body).sub]).toEqual([200, expect.stringMatching(/^runpod_/)]);
    expect(code).not.toBe(way.console.searchParams.get('request'));
    expect(JSON.stringify([code, answer.body, await system.dump()])).not.toContain(key);
    expect(await system.dump()).toContain('Minted for this server (runpod-mcp)');
  });

  it('knows the person again, whose console mints another key each time', async () => {
    await open();
    const subjects: unknown[] = [];
    for (let count = 0; count < 2; count++) {
      const way = await begin();
      const end = await way.browser.open(await decide(way.console, 'approve'));
      subjects.push(claimsOf((await redeem(way, end)).answer.body).sub);
    }

    expect(new Set(site.minted).size).toBe(2);
    expect(new Set(subjects).size).toBe(1);
  });

  it('gives the key itself where the deployment says so, and keeps nothing of it [RP-34][RP-27]', async () => {
    await open({ HANDOFF_TOKENS: 'minted' });
    const way = await begin();

    const end = await way.browser.open(await decide(way.console, 'approve'));
    const { code, answer } = await redeem(way, end);
    const again = await post(`${system.url}/token`, codeForm(way.clientId, code, way.verifier));
    const refresh = await post(`${system.url}/token`, refreshForm(way.clientId, 'none'));

    expect(answer.body).toEqual({ access_token: site.minted[0], token_type: 'Bearer' });
    expect([again.status, refresh.status]).toEqual([400, 400]);
    expect(JSON.stringify([again.body, refresh.body])).not.toContain(site.minted[0]);
    expect(await system.database.queries.selectFrom('connections').selectAll().execute()).toEqual([]);
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  it('takes a wrong verifier for no key at all [RP-42][RP-43]', async () => {
    await open({ HANDOFF_TOKENS: 'minted' });
    const way = await begin();

    const end = await way.browser.open(await decide(way.console, 'approve'));
    const { answer } = await redeem({ ...way, verifier: pkce().verifier }, end);

    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant']);
    expect(JSON.stringify(answer.body)).not.toContain(site.minted[0]);
  });

  it('refuses a client without PKCE before anything is asked [RP-42][RPB-05]', async () => {
    await open();
    const clientId = await register(system.url);
    const bare = authorizeUrl(system.url, { client_id: clientId, code_challenge_method: undefined });

    const location = (await new TestBrowser(system.url).open(bare)).location ?? '';

    expect(new URL(location).searchParams.get('error')).toBe('invalid_request');
    expect(site.asked).toEqual([]);
  });

  it('waits for a backend that learns of the approval late', async () => {
    site.lagReads = 2;
    await open();
    const way = await begin();

    const end = await way.browser.open(await decide(way.console, 'approve'));

    expect(nextOf(end).searchParams.get('code')).toBeTruthy();
    expect(waits).toEqual([1_500, 2_000, 2_000, 1_500]);
  });
});

describe('a sign-in with Runpod that comes to nothing', () => {
  it.each([
    ['was denied', async (way: AtConsole) => decide(way.console, 'deny'), 'was told not to'],
    [
      'expired',
      async (way: AtConsole) => {
        site.expire();
        return `${back(way)}&code=${way.console.searchParams.get('request')}`;
      },
      'is over',
    ],
    [
      'was never approved',
      async (way: AtConsole) => `${back(way)}&code=${way.console.searchParams.get('request')}`,
      'did not confirm',
    ],
    [
      'came back with another request',
      async (way: AtConsole) => `${back(way)}&code=other`,
      'did not confirm',
    ],
  ])('because it %s [RP-43]', async (_, lead, says) => {
    await open();
    const way = await begin();

    const end = await way.browser.open(await lead(way));

    expect(end.status).toBe(422);
    expect(end.html).toContain(says);
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  const back = ({ console: at }: AtConsole) =>
    `${at.searchParams.get('redirect_uri')}?state=${encodeURIComponent(at.searchParams.get('state') ?? '')}`;

  it('when its answer is used again [RP-43]', async () => {
    await open();
    const way = await begin();
    const location = await decide(way.console, 'approve');
    const first = await way.browser.open(location);
    const { code, answer } = await redeem(way, first);

    const again = await way.browser.open(location);
    const replayed = await post(`${system.url}/token`, codeForm(way.clientId, code, way.verifier));

    // The page of before, with the code of before, which is used up.
    expect(nextOf(again).href).toBe(nextOf(first).href);
    expect([answer.status, replayed.status]).toEqual([200, 400]);
    expect(site.minted).toHaveLength(1);
  });

  it('in another browser than the one that began', async () => {
    await open();
    const way = await begin();
    const location = await decide(way.console, 'approve');

    const other = await new TestBrowser(system.url).open(location);

    expect(other.status).toBe(403);
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  // The console gives no proof of who approved, so whoever began knows all that comes back.
  it.each(['before', 'while'])(
    'for whoever lured somebody else to approve: that one came back %s',
    async (when) => {
      await open();
      const attacker = await begin();
      const victim = new TestBrowser(system.url);
      const location = await decide(attacker.console, 'approve');
      if (when === 'before') await victim.open(location);
      else meanwhile = () => victim.open(location);

      const end = await attacker.browser.open(location);

      expect(end.status).toBe(422);
      expect(end.html).toContain('did not confirm');
      expect(await system.engine.grants.list({})).toEqual([]);
      expect(await system.database.queries.selectFrom('connections').selectAll().execute()).toEqual([]);
    },
  );

  it('because the backend is away', async () => {
    await open({ RUNPOD_GRAPHQL_URL: 'http://127.0.0.1:9/graphql' });
    const browser = new TestBrowser(system.url);
    const clientId = await register(system.url);
    const url = authorizeUrl(system.url, { client_id: clientId, code_challenge: pkce().challenge });

    const page = await browser.submit(await browser.open(url), {
      decision: 'allow',
      scope: ['models:read', 'runs:read'],
    });

    expect(page.status).toBe(503);
    expect(page.location).toBeNull();
    system.faults.length = 0;
  });
});

describe('where a client of that sign-in may be sent', () => {
  const asked = (uri: string) =>
    post(`${system.url}/register`, { client_name: 'c', redirect_uris: [uri] }).then(({ status }) => status);

  it('is loopback at any port, the clients that are known, and what the operator adds [RP-39][RP-40]', async () => {
    await open({}, { redirectUris: ['https://agent.example/cb'] });
    const statuses = await Promise.all(
      [
        ...['http://localhost:5000/cb', 'http://127.0.0.1:1/cb', 'http://[::1]:9/cb'],
        ...['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
        ...['https://agent.example/cb', 'https://agent.example/cb/more', 'https://agent.example/'],
        ...['https://evil.example/cb', 'http://agent.example/cb'],
      ].map(asked),
    );

    expect(statuses).toEqual([201, 201, 201, 201, 201, 201, 400, 400, 400, 400]);
  });

  it('is checked again when the code is asked for, and when it is redeemed [RP-40]', async () => {
    await open();
    const clientId = await register(system.url);
    const evil = {
      client_id: clientId,
      code_challenge: pkce().challenge,
      redirect_uri: 'https://evil.example/cb',
    };
    const refused = await toAnswer(await fetch(authorizeUrl(system.url, evil), { redirect: 'manual' }));
    const way = await begin();
    const end = await way.browser.open(await decide(way.console, 'approve'));
    const code = nextOf(end).searchParams.get('code') ?? '';
    const body = codeForm(way.clientId, code, way.verifier);
    body.set('redirect_uri', redirectUri.replace('callback', 'other'));
    const elsewhere = await post(`${system.url}/token`, body);

    expect([refused.status, elsewhere.status]).toEqual([400, 400]);
  });
});
