import { createRequire } from 'node:module';
import { createRunView } from '@inferry/run-view';
import { chromiumFlags, findChromium } from '@inferry/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ended, input, looks } from './made-up-results.ts';

/** A host made of the official classes, which check every message by the schemas of the specification. */
const hostScript = `
import { AppBridge, PostMessageTransport } from '@modelcontextprotocol/ext-apps/app-bridge';
window.begin = async (html) => {
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  document.body.append(frame);
  const info = { name: 'official', version: '1' };
  const capabilities = { openLinks: {}, serverTools: {}, updateModelContext: { text: {} } };
  const bridge = new AppBridge(null, info, capabilities, { hostContext: { theme: 'dark', displayMode: 'inline' } });
  const heard = { bridge, calls: [], contexts: [], sizes: [], errors: [] };
  window.heard = heard;
  bridge.onerror = (error) => heard.errors.push(String(error));
  bridge.oncalltool = async (params) => { heard.calls.push(params); return window.nextResult; };
  bridge.onupdatemodelcontext = async (params) => { heard.contexts.push(params); return {}; };
  bridge.onsizechange = (size) => heard.sizes.push(size);
  const initialized = new Promise((resolve) => { bridge.oninitialized = resolve; });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = html;
  await initialized;
};`;

let browser: Browser;
let page: Page;

beforeAll(async () => {
  const bundle = await rolldown({
    input: 'host',
    platform: 'browser',
    resolve: { alias: aliasOf('@modelcontextprotocol/ext-apps/app-bridge') },
    plugins: [
      {
        name: 'host',
        resolveId: (id) => (id === 'host' ? id : null),
        load: (id) => (id === 'host' ? hostScript : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'iife' });
  browser = await chromium.launch({ executablePath: await findChromium(), args: [...chromiumFlags] });
  page = await browser.newPage();
  await page.addScriptTag({ content: output[0].code });
  const contents = await createRunView([]).read();
  const html = 'text' in contents ? contents.text : '';
  await page.evaluate(`nextResult = ${JSON.stringify(looks('').running)}; begin(${JSON.stringify(html)})`);
}, 120_000);
afterAll(() => browser?.close());

function aliasOf(name: string): Record<string, string> {
  return { [name]: createRequire(import.meta.url).resolve(name) };
}

it('the official host understands the view: handshake, calls, sizes, what the model is told and the end', async () => {
  await page.evaluate(`heard.bridge.sendToolInput({ arguments: ${JSON.stringify(input)} })`);
  await page.evaluate(`heard.bridge.sendToolResult(${JSON.stringify(looks('').running)})`);
  await expect.poll(() => page.evaluate('heard.calls.length'), { timeout: 30_000 }).toBeGreaterThan(0);

  await page.evaluate(`nextResult = ${JSON.stringify(ended({ outputs: [] }))}`);
  await expect.poll(() => page.evaluate('heard.contexts.length'), { timeout: 30_000 }).toBe(1);
  const end = await page.evaluate("heard.bridge.teardownResource({ reason: 'closed' })");

  expect(await page.evaluate('heard.bridge.getAppVersion().name')).toBe('inferry-run-view');
  expect(await page.evaluate('heard.bridge.getAppCapabilities()')).toEqual({
    availableDisplayModes: ['inline', 'fullscreen'],
  });
  expect(await page.evaluate('heard.calls[0]')).toMatchObject({ name: 'get_run' });
  expect(await page.evaluate('heard.sizes.length')).toBeGreaterThan(0);
  expect(await page.evaluate('heard.errors')).toEqual([]);
  expect(end).toEqual({});
}, 90_000);
