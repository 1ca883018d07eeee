import { openSignIn, type ScriptedKeys, type SignInUnderTest, scriptKeys } from '@inferry/auth/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, openPerson } from './browser.ts';
import { type IdentityProvider, openIdentityProvider } from './identity-provider.ts';
import { type LoopbackClient, openLoopbackClient, redeem, registerClient } from './mcp-client.ts';
import { openConsole, type ProviderConsole } from './provider-console.ts';

let browser: Browser;
let client: LoopbackClient;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
}, launchTimeoutMs);
afterAll(() => browser?.close());

beforeEach(async () => {
  client = await openLoopbackClient();
  page = await openPerson(browser);
});
afterEach(async () => {
  await page.context().close();
  await client.close();
});

async function begin(system: SignInUnderTest): ReturnType<typeof registerClient> {
  const registration = await registerClient(system.url, { redirectUri: client.redirectUri });
  await page.goto(registration.authorizeUrl);
  return registration;
}

describe('signing in with a provider’s key', () => {
  const key = 'rw-0123456789abcdefghijkl';
  let runware: ScriptedKeys;
  let system: SignInUnderTest;

  beforeEach(async () => {
    runware = scriptKeys('runware', 'Runware');
    runware.verdicts.set(key, { outcome: 'ok', account: 'grace@runware.example' });
    system = await openSignIn({ env: { AUTH_DRIVERS: 'apikey' }, providers: [runware.provider] });
  });
  afterEach(() => system.close());

  async function paste(text: string): Promise<void> {
    await page.getByLabel('API key').fill(text);
    await page.getByRole('button', { name: 'Connect' }).click();
  }

  it('shows a page for it, tries it once and lets the client in [RW-05][RW-16][RW-41][RW-42]', async () => {
    const registration = await begin(system);

    await page.getByRole('button', { name: 'Allow' }).click();
    const heading = await page.getByRole('heading', { level: 1 }).textContent();
    await paste(key);
    const arrival = await client.next();
    const tokens = await redeem(system.url, registration, { arrival, redirectUri: client.redirectUri });

    expect(heading).toBe('Your Runware key');
    expect(tokens.access_token).toBeTruthy();
    expect(runware.probes).toBe(1);
  });

  it('never gives the key to the client, nor to the database as text [RW-06][RW-44]', async () => {
    const registration = await begin(system);

    await page.getByRole('button', { name: 'Allow' }).click();
    await paste(key);
    const arrival = await client.next();
    const tokens = await redeem(system.url, registration, { arrival, redirectUri: client.redirectUri });

    const stored = await system.dump();
    expect(JSON.stringify([arrival.href, tokens])).not.toContain(key);
    expect(stored).not.toContain(key);
    expect(stored).toContain('runware');
  });

  it('says that a key was refused, keeps nothing, and takes the right one then', async () => {
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();

    await paste('rw-wrong-key-of-somebody');
    const problem = await page.getByRole('alert').textContent();
    const shown = await page.content();
    await paste(key);
    await client.next();

    expect(problem).toContain('Runware does not accept this key');
    expect(shown).not.toContain('rw-wrong-key-of-somebody');
  });

  it('stores nothing while the provider cannot be asked, and says so', async () => {
    runware.isAway = true;
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();

    await paste(key);
    const problem = await page.getByRole('alert').textContent();

    expect(problem).toContain('could not be asked about this key, so it was not stored');
    expect(await system.dump()).not.toContain('runware');
  });

  it('asks for another key when the one that they signed in with is dead [RW-45]', async () => {
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();
    await paste(key);
    await client.next();
    await page.getByText('Back in the client').waitFor();
    await system.killKeys();

    await begin(system);
    const isKnown = await page.getByText('Signed in as').count();
    await page.getByRole('button', { name: 'Allow' }).click();

    expect(isKnown).toBe(0);
    expect(await page.getByLabel('API key').count()).toBe(1);
  });
});

describe('signing in at an OpenID provider', () => {
  let idp: IdentityProvider;
  let system: SignInUnderTest;

  async function open(env: Record<string, string> = {}, isSlow = false): Promise<void> {
    let url = '';
    system = await openSignIn({
      env: async (issuer) => {
        url = issuer;
        idp = await openIdentityProvider({ callbackUrl: `${url}/oauth/callback/oidc`, isSlow });
        return {
          AUTH_DRIVERS: 'oidc',
          OIDC_ISSUER: idp.issuer,
          OIDC_CLIENT_ID: idp.clientId,
          OIDC_CLIENT_SECRET: idp.clientSecret,
          ...env,
        };
      },
    });
  }
  afterEach(async () => {
    await system.close();
    await idp.close();
  });

  it('shows who asks before anybody is sent there, even with a live session there', async () => {
    await open();
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();
    await client.next();
    await page.getByText('Back in the client').waitFor();
    const visitsBefore = idp.visits.length;
    await page.context().clearCookies({ name: 'inferry-account' });

    await begin(system);
    const visitsAtConsent = idp.visits.length - visitsBefore;
    const heading = await page.getByRole('heading', { level: 1 }).textContent();
    await page.getByRole('button', { name: 'Allow' }).click();
    const arrival = await client.next();

    expect([visitsAtConsent, heading]).toEqual([0, 'Connect Claude Code?']);
    expect(arrival.searchParams.get('code')).toBeTruthy();
  });

  it('sends PKCE, a nonce and a state, and grants to the person whom it names', async () => {
    await open();
    const registration = await begin(system);

    await page.getByRole('button', { name: 'Allow' }).click();
    await client.next();

    const asked = idp.visits.at(0)?.searchParams;
    expect(asked?.get('code_challenge_method')).toBe('S256');
    expect([asked?.get('nonce'), asked?.get('state')].every((value) => (value ?? '').length >= 32)).toBe(
      true,
    );
    expect(await system.engine.grants.list({ clientId: registration.clientId })).toMatchObject([
      { display: 'Grace Hopper', subject: expect.stringMatching(/^oidc_/) },
    ]);
  });

  it('refuses whoever is not of the allowed domains', async () => {
    await open({ OIDC_ALLOWED_DOMAINS: 'other.example' });
    await begin(system);

    await page.getByRole('button', { name: 'Allow' }).click();
    const problem = await page.getByRole('alert').textContent();

    expect(problem).toContain('may not sign in here');
    expect(client.arrivals).toEqual([]);
  });

  it('answers a callback in a browser that did not begin with 403', async () => {
    await open({}, true);
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByText('Please wait.').waitFor();
    const state = idp.visits.at(0)?.searchParams.get('state') ?? '';
    const url = `${system.url}/oauth/callback/oidc?code=stolen&state=${state}&iss=${idp.issuer}`;

    const other = await openPerson(browser);
    const elsewhere = await other.goto(url);
    await other.context().close();
    const withAnotherState = await page.goto(url.replace(state, `${state}x`));
    const withAnotherIssuer = await page.goto(url.replace(idp.issuer, 'https://evil.example'));

    // The last one was of this browser, and not by the provider: it may begin again.
    expect([elsewhere, withAnotherState, withAnotherIssuer].map((answer) => answer?.status())).toEqual([
      403, 403, 422,
    ]);
    expect(await system.engine.grants.list({})).toEqual([]);
  });
});

describe('a key that the provider’s console mints', () => {
  let consoleSite: ProviderConsole;
  let system: SignInUnderTest;

  beforeEach(async () => {
    consoleSite = await openConsole();
    const runpod = scriptKeys('runpod', 'Runpod');
    system = await openSignIn({ env: consoleSite.env, providers: [runpod.provider] });
  });
  afterEach(async () => {
    await system.close();
    await consoleSite.close();
  });

  it('is fetched once the person approved, and is neither code nor token', async () => {
    const registration = await begin(system);

    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('link', { name: 'Approve' }).click();
    const arrival = await client.next();
    const tokens = await redeem(system.url, registration, { arrival, redirectUri: client.redirectUri });

    const [key = 'none'] = consoleSite.minted;
    expect(consoleSite.minted).toHaveLength(1);
    expect(JSON.stringify([arrival.href, tokens, await system.dump()])).not.toContain(key);
    expect(await system.engine.grants.list({})).toMatchObject([{ display: 'grace@runpod.example' }]);
  });

  it('is not minted for an attacker who lures somebody to the console with a request of their own', async () => {
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('link', { name: 'Approve' }).waitFor();
    const lure = page.url();
    const victim = await openPerson(browser);

    await victim.goto(lure);
    const [answer] = await Promise.all([
      victim.waitForResponse((response) => response.url().includes('/oauth/callback/')),
      victim.getByRole('link', { name: 'Approve' }).click(),
    ]);
    const state = new URL(lure).searchParams.get('state') ?? '';
    const forged = await page.goto(
      `${system.url}/oauth/callback/handoff?state=${encodeURIComponent(state)}&proof=${'x'.repeat(32)}`,
    );
    await victim.context().close();

    expect([answer.status(), forged?.status()]).toEqual([403, 422]);
    expect([consoleSite.minted, client.arrivals]).toEqual([[], []]);
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  it('does not sign a victim in to an attacker’s account', async () => {
    await begin(system);
    await page.getByRole('button', { name: 'Allow' }).click();
    const approve = await page.getByRole('link', { name: 'Approve' }).getAttribute('href');
    const approved = await fetch(new URL(approve ?? '', page.url()), { redirect: 'manual' });
    const victim = await openPerson(browser);

    const answer = await victim.goto(approved.headers.get('location') ?? '');
    const cookies = await victim.context().cookies();
    await victim.context().close();

    expect(answer?.status()).toBe(403);
    expect(cookies.filter(({ name }) => name.includes('account'))).toEqual([]);
  });
});
