import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromiumFlags, findChromium } from '@inferry/testing';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Installing one, where there is none, takes minutes. */
export const launchTimeoutMs = 400_000;

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await findChromium(), args: [...chromiumFlags], timeout: 60_000 });
}

/** Somebody's own browser: cookies of its own, and no script. Deadlines are those of a busy machine. */
export async function openPerson(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options });
  context.setDefaultTimeout(20_000);
  return context.newPage();
}

export interface Look {
  width: number;
  scheme: 'light' | 'dark';
}

export const looks: readonly Look[] = [390, 1280].flatMap((width) => [
  { width, scheme: 'light' },
  { width, scheme: 'dark' },
]);

/** A window in which pages are inspected by a script of the test's; theirs do not run in any case. */
export async function openInspector(browser: Browser, { width, scheme }: Look): Promise<Page> {
  const viewport = { width, height: 844 };
  const context = await browser.newContext({ viewport, colorScheme: scheme, bypassCSP: true });
  return context.newPage();
}

/** What is wrong with a document: violations of accessibility rules, and content that is wider than the window. */
export async function problemsIn(page: Page, html: string): Promise<string[]> {
  await page.setContent(html);
  await page.addScriptTag({ content: await axeSource() });
  return page.evaluate<string[]>(inspection);
}

let source: Promise<string> | undefined;

function axeSource(): Promise<string> {
  source ??= readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  return source;
}

/** Runs in the page. */
const inspection = `(async () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
  const { violations } = await axe.run();
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html + ' ' + node.failureSummary));
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(scrollWidth - clientWidth + ' pixels wider than the window');
  return found;
})()`;
