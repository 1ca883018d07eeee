import { pageGallery } from '@inferry/auth/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, looks, openInspector, problemsIn } from './browser.ts';

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
