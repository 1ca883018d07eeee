import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromiumFlags, findChromium } from '@inferry/testing';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await findChromium(), args: [...chromiumFlags], timeout: 60_000 });
}

/** Somebody's own browser: cookies of its own, no scripts of pages. Deadlines are those of a busy machine. */
export async function openPerson(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options });
  context.setDefaultTimeout(20_000);
  return { page: await context.newPage(), context };
}

export interface Look {
  width: 390 | 1280;
  scheme: 'light' | 'dark';
}

export const looks: readonly Look[] = [
  { width: 390, scheme: 'light' },
  { width: 390, scheme: 'dark' },
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
];

/** What is wrong with a page in one look: violations of accessibility rules, and content that is wider than the window. */
export async function problemsIn(browser: Browser, html: string, { width, scheme }: Look): Promise<string[]> {
  const context = await browser.newContext({
    viewport: { width, height: 844 },
    colorScheme: scheme,
    bypassCSP: true,
  });
  try {
    const page = await context.newPage();
    await page.setContent(html);
    await page.addScriptTag({ content: await axeSource() });
    const found = await page.evaluate(inspectPage);
    return found.map((problem) => `${width} ${scheme}: ${problem}`);
  } finally {
    await context.close();
  }
}

let source: Promise<string> | undefined;

function axeSource(): Promise<string> {
  source ??= readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  return source;
}

/** Runs in the page. */
async function inspectPage(): Promise<string[]> {
  interface Violation {
    id: string;
    nodes: { html: string; failureSummary?: string }[];
  }
  // as: the script that was added before put it there.
  const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
  const { violations } = await axe.run();
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id} ${html} ${failureSummary}`),
  );
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`${scrollWidth - clientWidth} pixels wider than the window`);
  return found;
}
