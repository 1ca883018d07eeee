import { createLocalAccount, openSignIn, type SignInUnderTest } from '@inferry/auth/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { launchBrowser, openPerson } from './browser.ts';
import { type LoopbackClient, openLoopbackClient, redeem, registerClient } from './mcp-client.ts';

let browser: Browser;
let system: SignInUnderTest;
let client: LoopbackClient;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
}, 400_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  system = await openSignIn();
  client = await openLoopbackClient();
  await createLocalAccount(system.database, { userName: 'ada', password });
  page = (await openPerson(browser)).page;
});
afterEach(async () => {
  await page.context().close();
  await client.close();
  await system.close();
});

const password = 'correct horse battery';

async function signIn(): Promise<void> {
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function arrival(): Promise<URL> {
  await vi.waitFor(() => expect(client.arrivals).toHaveLength(1), { timeout: 20_000 });
  const [url] = client.arrivals;
  if (url === undefined) throw new Error('nothing arrived');
  return url;
}

describe('a person with a real browser and no script', () => {
  it('allows a client, and its listener on loopback gets a code that it can redeem', async () => {
    const registration = await registerClient(system.url, { redirectUri: client.redirectUri });

    await page.goto(registration.authorizeUrl);
    await page.getByRole('button', { name: 'Allow' }).click();
    await signIn();
    const arrived = await arrival();
    const tokens = await redeem(system.url, registration, {
      arrival: arrived,
      redirectUri: client.redirectUri,
    });

    expect(arrived.searchParams.get('state')).toBe('state of the client');
    expect(arrived.searchParams.get('iss')).toBe(system.url);
    expect(tokens.scope).toBe('mcp');
  });
});
