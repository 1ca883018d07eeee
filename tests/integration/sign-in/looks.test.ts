import { pageGallery } from '@inferry/auth/testing';
import { startTestGateway, type TestGateway } from '@inferry/mcp-gateway/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, looks, openInspector, openPerson, problemsIn } from './browser.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
}, launchTimeoutMs);
afterAll(() => browser?.close());

/** A colour that reads badly on white and on black, unless something is done about it. */
const yellow = {
  name: 'Acme',
  colour: '#ffd400',
  logo: 'data:image/svg+xml;base64,PHN2Zy8+',
  links: [{ text: 'Help', url: 'https://acme.example/help' }],
};

describe.each(looks)('every page at $width pixels, $scheme', (look) => {
  let page: Page;
  beforeAll(async () => {
    page = await openInspector(browser, look);
  });
  afterAll(() => page.context().close());

  it.each([
    ['our colour', pageGallery()],
    ['a brand’s own', pageGallery(yellow)],
  ])(
    'breaks no rule of accessibility and fits the window, in %s',
    async (_name, pages) => {
      const problems: string[] = [];

      for (const { name, html } of pages)
        problems.push(...(await problemsIn(page, html)).map((problem) => `${name}: ${problem}`));

      expect(problems).toEqual([]);
    },
    180_000,
  );
});

it('is told of what is wrong with a page', async () => {
  const page = await openInspector(browser, { width: 390, scheme: 'light' });
  const bad =
    '<html lang="en"><title>t</title><main><h1>h</h1><input><p style="width:999px">wide</p></main></html>';

  const problems = await problemsIn(page, bad);

  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'label',
    '617 pixels wider than the window',
  ]);
});

describe('the quick-connect page', () => {
  const brands = { PROFILE_BRANDS: JSON.stringify({ runware: { name: 'Acme Media', color: '#ffd400' } }) };
  const people = {
    INFERRY_AUTH: 'oauth',
    PUBLIC_URL: 'https://ai.example.com',
    BRAND_LINKS: 'Help=https://acme.example/help',
  };
  let gateways: TestGateway[];
  beforeAll(async () => {
    gateways = await Promise.all([
      startTestGateway({ env: brands }),
      startTestGateway({ env: { INFERRY_AUTH: 'keys', SERVER_TITLE: 'W'.repeat(64) } }),
      startTestGateway({ env: people }),
    ]);
  });
  afterAll(() => Promise.all(gateways.map((gateway) => gateway.close())));

  it.each(looks)(
    'breaks no rule of accessibility and fits the window at $width pixels, $scheme',
    async (look) => {
      const page = await openInspector(browser, look);
      const [alone] = gateways;
      const addresses = [...gateways.map(({ url }) => url), `${alone?.url}/runware`, `${alone?.url}/nope`];
      const problems: string[] = [];

      for (const address of addresses) {
        const answer = await fetch(address, { headers: { accept: 'text/html' } });
        const found = await problemsIn(page, await answer.text());
        problems.push(...found.map((problem) => `${address}: ${problem}`));
      }
      await page.context().close();

      expect(problems).toEqual([]);
    },
    120_000,
  );

  it('says everything without script, and copies by one click with it, under its own policy', async () => {
    const { url = '' } = gateways[0] ?? {};
    const plain = await openPerson(browser);
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));

    await plain.goto(url);
    await plain.locator('#client-codex summary').click();
    const told = await plain.locator('#codex-command').textContent();
    const buttons = await plain.locator('button:visible').count();
    await page.goto(url);
    await page.locator('#client-codex summary').click();
    await page.locator('[data-copy=codex-command]').click();
    await expect.poll(() => page.locator('#said').textContent()).toBe('Copied');
    const copied = await page.evaluate('navigator.clipboard.readText()');
    await Promise.all([plain.context().close(), context.close()]);

    expect([told, buttons]).toEqual([`codex mcp add inferry --url ${url}`, 0]);
    expect(copied).toBe(told);
    expect(complaints).toEqual([]);
  }, 120_000);
});
