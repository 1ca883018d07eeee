import { createLocalAccount, openSignIn, type SignInUnderTest } from '@inferry/auth/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, openPerson } from './browser.ts';
import { type LoopbackClient, openLoopbackClient, redeem, registerClient } from './mcp-client.ts';

let browser: Browser;
let system: SignInUnderTest;
let client: LoopbackClient;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
}, launchTimeoutMs);
afterAll(() => browser?.close());

beforeEach(async () => {
  system = await openSignIn();
  client = await openLoopbackClient();
  await createLocalAccount(system.database, { userName: 'ada', password });
  page = await openPerson(browser);
});
afterEach(async () => {
  await page.context().close();
  await client.close();
  await system.close();
});

const password = 'correct horse battery';

async function begin(name = 'Claude Code'): Promise<ReturnType<typeof registerClient>> {
  const registration = await registerClient(system.url, { name, redirectUri: client.redirectUri });
  await page.goto(registration.authorizeUrl);
  return registration;
}

async function signIn(): Promise<void> {
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

describe('a person with a real browser and no script', () => {
  it('allows a client, and its listener on loopback gets a code that it can redeem', async () => {
    const registration = await begin();

    await page.getByRole('button', { name: 'Allow' }).click();
    await signIn();
    const arrival = await client.next();
    const tokens = await redeem(system.url, registration, { arrival, redirectUri: client.redirectUri });

    expect(arrival.searchParams.get('state')).toBe('state of the client');
    expect(arrival.searchParams.get('iss')).toBe(system.url);
    expect(tokens.scope).toBe('mcp');
  });

  it('denies a client, which is told so', async () => {
    await begin();

    await page.getByRole('button', { name: 'Deny' }).click();
    const arrival = await client.next();

    expect(arrival.searchParams.get('error')).toBe('access_denied');
    expect(arrival.searchParams.get('iss')).toBe(system.url);
  });

  it('lets a client look but not spend', async () => {
    const registration = await begin();

    await page.getByLabel('Run models, which spends credits, and cancel runs').uncheck();
    await page.getByRole('button', { name: 'Allow' }).click();
    await signIn();
    const arrival = await client.next();
    const tokens = await redeem(system.url, registration, { arrival, redirectUri: client.redirectUri });

    expect(tokens.scope?.split(' ')).toEqual(
      'models:read runs:read files:write wrappers:write account:read'.split(' '),
    );
  });

  it('goes all the way with the keyboard alone', async () => {
    await begin();

    await focusOn('Allow');
    await page.keyboard.press('Enter');
    await page.getByLabel('User name').waitFor();
    await focusOn('User name');
    await page.keyboard.type('ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    const arrival = await client.next();

    expect(arrival.searchParams.get('code')).toBeTruthy();
  });

  it('is known to the next client by the session, and only has to allow it', async () => {
    await begin('First client');
    await page.getByRole('button', { name: 'Allow' }).click();
    await signIn();
    await client.next();
    await page.getByText('Back in the client').waitFor();

    await begin('Second client');
    const person = await page.getByRole('paragraph').filter({ hasText: 'Signed in as' }).textContent();
    await page.getByRole('button', { name: 'Allow' }).click();
    const arrival = await client.next();

    expect(person).toContain('ada');
    expect(arrival.searchParams.get('code')).toBeTruthy();
  });

  it('comes back to an app by its own scheme', async () => {
    const redirectUri = 'cursor://anysphere.cursor-mcp/oauth/callback';
    const registration = await registerClient(system.url, { name: 'Cursor', redirectUri });

    await page.goto(registration.authorizeUrl);
    await page.getByRole('button', { name: 'Allow' }).click();
    await signIn();
    const link = page.getByRole('link', { name: 'Continue to Cursor' });
    const target = new URL((await link.getAttribute('href')) ?? '');
    const arrival = target;
    const tokens = await redeem(system.url, registration, { arrival, redirectUri });

    expect(target.href).toMatch(/^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?code=/);
    expect(tokens.access_token).toBeTruthy();
  });

  it('is shown the name of a hostile client as text, and no script of it runs', async () => {
    const scripted = await openPerson(browser, { javaScriptEnabled: true });
    const dialogs: string[] = [];
    scripted.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    const name = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    const registration = await registerClient(system.url, { name, redirectUri: client.redirectUri });

    await scripted.goto(registration.authorizeUrl);
    const heading = await scripted.getByRole('heading', { level: 1 }).textContent();
    const count = await scripted.locator('h1 *, script').count();
    await scripted.context().close();

    expect(heading).toContain('<img src=x onerror=alert(1)>');
    expect([count, dialogs]).toEqual([0, []]);
  });

  it('cannot be framed by another site', async () => {
    const registration = await registerClient(system.url, { redirectUri: client.redirectUri });
    const consoleLines: string[] = [];
    page.on('console', (line) => consoleLines.push(line.text()));

    await page.goto(`${new URL(client.redirectUri).origin}/elsewhere`);
    await page.setContent(`<iframe src="${registration.authorizeUrl}"></iframe>`);
    const frame = page.frames()[1];
    await frame?.waitForLoadState();

    expect(await frame?.getByRole('button', { name: 'Allow' }).count()).toBe(0);
  });

  it('meets every page with its style, which the policy lets through', async () => {
    const refused: string[] = [];
    page.on('console', (line) => {
      if (/Content Security Policy/i.test(line.text())) refused.push(line.text());
    });

    await begin();
    const consent = await isStyled();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByLabel('User name').waitFor();
    const signInPage = await isStyled();

    expect([consent, signInPage, refused]).toEqual([true, true, []]);
  });
});

/** The button has the brand's colour, and not the browser's. */
async function isStyled(): Promise<boolean> {
  const box = await page.locator('.button.main').first().boundingBox();
  return (box?.height ?? 0) >= 44;
}

/** Presses Tab until the element with this name has the focus. */
async function focusOn(name: string): Promise<void> {
  const wanted = page.getByLabel(name).or(page.getByRole('button', { name })).first();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await page.locator(':focus').count()) === 0) continue;
    const [has, is] = await Promise.all([page.locator(':focus').boundingBox(), wanted.boundingBox()]);
    if (has?.x === is?.x && has?.y === is?.y) return;
  }
  throw new Error(`nothing called ${name} can be reached with the keyboard`);
}
