import {
  createLocalAccount,
  openSignIn,
  type ScriptedKeys,
  type SignInUnderTest,
  scriptKeys,
} from '@inferry/auth/testing';
import { listRuns, readUsage } from '@inferry/contracts';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, looks, openInspector, openPerson, problemsIn } from './browser.ts';
import { type IdentityProvider, openIdentityProvider } from './identity-provider.ts';
import { openLoopbackClient, redeem, registerClient } from './mcp-client.ts';

const password = 'correct horse battery';
const key = 'rw-0123456789abcdefghijkl';
let browser: Browser;
let system: SignInUnderTest;
let idp: IdentityProvider;
let runware: ScriptedKeys;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
}, launchTimeoutMs);
afterAll(() => browser?.close());

beforeEach(async () => {
  runware = scriptKeys('runware', 'Runware');
  runware.verdicts.set(key, {
    outcome: 'ok',
    account: 'ada@runware.example',
    balance: { amount: 12.4, currency: 'USD' },
  });
  system = await openSignIn({
    providers: [runware.provider],
    async env(url) {
      idp = await openIdentityProvider({ callbackUrl: `${url}/oauth/callback/oidc` });
      return {
        AUTH_DRIVERS: 'local,apikey,oidc',
        AUTH_SIGN_UP: 'open',
        OIDC_ISSUER: idp.issuer,
        OIDC_CLIENT_ID: idp.clientId,
        OIDC_CLIENT_SECRET: idp.clientSecret,
        OIDC_LABEL: 'Continue with Acme',
      };
    },
  });
  await createLocalAccount(system.database, { userName: 'ada', password, display: 'Ada Lovelace' });
  system.bus.serve(readUsage, async () => ({
    totals: { runs: 3, charged: 1.5, currency: 'USD' },
    buckets: [],
  }));
  system.bus.serve(listRuns, async () => ({
    items: [
      {
        run_id: 'run_1',
        status: 'succeeded',
        model: 'runware/flux-1-schnell',
        created_at: new Date().toISOString(),
        cost: { charged: 0.5, currency: 'USD' },
      },
    ],
  }));
  page = await openPerson(browser);
  await page.goto(`${system.url}/account`);
});
afterEach(async () => {
  await page.context().close();
  await system.close();
  await idp.close();
});

async function signIn(): Promise<void> {
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor();
}

describe('the account page in a real browser', () => {
  it('manages keys of providers: adds, tests, replaces and removes one', async () => {
    await signIn();
    await page.getByLabel('API key').first().fill(key);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const row = page.getByRole('region', { name: 'Providers' }).getByRole('listitem');
    const added = await row.textContent();
    await page.getByRole('button', { name: 'Test' }).click();
    const tested = await page.getByRole('status').textContent();
    await page.getByText('Replace the key').click();
    await page.getByLabel('New Runware key').fill('rw-not-a-key-of-theirs');
    await page.getByRole('button', { name: 'Replace' }).click();
    const refused = await page.getByRole('alert').textContent();
    await page.getByRole('button', { name: 'Remove' }).click();
    const removed = await page.getByRole('status').textContent();

    expect(added).toContain('ada@runware.example · $12.40 left · checked just now');
    expect([tested, refused, removed].map((text) => text?.trim())).toEqual([
      'The key works.',
      'The provider does not accept this key. Check that it is whole and not revoked.',
      'The key was deleted.',
    ]);
  });

  it('makes an API key that opens the account, and shows it this once', async () => {
    await signIn();

    await page.getByText('Create a key').click();
    await page.getByLabel('Name').fill('nightly batch');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    const secret = (await page.locator('#new-key').textContent()) ?? '';
    await page.goto(`${system.url}/account`);

    expect(secret.length).toBeGreaterThan(30);
    expect(await page.content()).not.toContain(secret);
    expect(await page.getByRole('region', { name: 'API keys' }).textContent()).toContain('nightly batch');
  });

  it('shows a connected client and ends its access', async () => {
    await signIn();
    const client = await openLoopbackClient();
    const registration = await registerClient(system.url, {
      name: 'Claude Code',
      redirectUri: client.redirectUri,
    });
    await page.goto(registration.authorizeUrl);
    await page.getByRole('button', { name: 'Allow' }).click();
    const arrival = await client.next();
    await redeem(system.url, registration, { arrival, redirectUri: client.redirectUri });
    await page.getByText('Back in the client').waitFor();

    await page.goto(`${system.url}/account`);
    const clients = page.getByRole('region', { name: 'Connected clients' });
    const shown = await clients.textContent();
    await page.getByRole('button', { name: 'Disconnect Claude Code' }).click();
    await page.getByRole('status').waitFor();
    const after = await clients.textContent();
    await client.close();

    expect(shown).toContain('Everything an MCP client may do for you.');
    expect(after).toContain('No client is connected');
    expect(await system.engine.grants.list({})).toEqual([]);
  });

  it('breaks no rule of accessibility with real content, in any look', async () => {
    await signIn();
    await page.getByLabel('API key').first().fill(key);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('status').waitFor();
    const html = await page.content();

    const problems: string[] = [];
    for (const look of looks) {
      const inspector = await openInspector(browser, look);
      problems.push(...(await problemsIn(inspector, html)));
      await inspector.context().close();
    }

    expect(html).toContain('runware/flux-1-schnell');
    expect(problems).toEqual([]);
  });

  it('is reached by each way to sign in that is offered', async () => {
    await page.getByRole('link', { name: 'Use a Runware key' }).click();
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Connect' }).click();
    const byKey = await page.getByRole('heading', { level: 1 }).textContent();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Continue with Acme' }).click();
    const byProvider = await page.getByRole('heading', { level: 1 }).textContent();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('User name').fill('grace');
    await page.getByLabel('Password').fill('another horse battery');
    await page.getByRole('button', { name: 'Create the account' }).click();
    const bySignUp = await page.getByRole('heading', { level: 1 }).textContent();

    expect([byKey, byProvider, bySignUp]).toEqual(['ada@runware.example', 'Grace Hopper', 'grace']);
  });
});
