// Holds what the pages behind the account are in a real browser, with ten thousand runs in the database: they say everything
// without script, follow a run with it, fit a phone, and break no rule of accessibility.
import { createLocalAccount, openSignIn, type SignInUnderTest, seedRuns } from '@inferry/auth/testing';
import { resolveAssets, viewOutput } from '@inferry/contracts';
import { createInferenceService } from '@inferry/inference-poller';
import { createInProcessLimits } from '@inferry/limits';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, openInspector, openPerson, problemsIn } from './browser.ts';

const password = 'correct horse battery';
const count = 10_000;
const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

let browser: Browser;
let system: SignInUnderTest;
let inference: Awaited<ReturnType<typeof createInferenceService>>;

beforeAll(async () => {
  browser = await launchBrowser();
  system = await openSignIn({ env: { OPERATORS: 'ada' } });
  const { subject } = await createLocalAccount(system.database, { userName: 'ada', password });
  await seedRuns(system.database, { subject, count, now: Date.now() });
  const { bus, database } = system;
  inference = await createInferenceService(
    { bus, database, limits: createInProcessLimits(), log: pino({ level: 'silent' }), replica: 'console' },
    { providers: [] },
  );
  bus.serve(resolveAssets, async ({ refs }) => ({
    assets: refs.map((id) => ({
      ...{
        asset_id: id,
        file_name: 'a.png',
        content_type: 'image/png',
        bytes: 70,
        sha256: '',
        internal_url: '',
      },
      url: `${system.url}/account/runs/run_000000/outputs/0/preview`,
    })),
  }));
  bus.serve(viewOutput, async () => ({ image: { data: picture, mime_type: 'image/png' } }));
}, launchTimeoutMs);
afterAll(async () => {
  await inference?.close();
  await system?.close();
  await browser?.close();
}, launchTimeoutMs);

async function signedIn(options = {}): Promise<Page> {
  const page = await openPerson(browser, options);
  await page.goto(`${system.url}/account`);
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'ada' }).waitFor();
  return page;
}

describe('the pages behind the account, with ten thousand runs', () => {
  it('lead a person without script from the overview to older runs, a search, a run and what it cost', async () => {
    const page = await signedIn();
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    const first = await page.getByRole('listitem').allTextContents();
    const pictures = await page.locator('.thumb img').count();
    await page.getByRole('link', { name: 'Older runs' }).click();
    const second = await page.getByRole('listitem').allTextContents();
    await page.getByLabel('Search').fill('Picture 1234 of');
    await page.getByRole('button', { name: 'Show' }).click();
    const found = await page.getByRole('listitem').allTextContents();
    await page.getByRole('link', { name: 'openai/gpt-image-1' }).click();
    const run = await page.locator('main').textContent();
    await page.getByRole('link', { name: 'Costs' }).click();
    const plot = await page.getByRole('img').getAttribute('aria-label');
    const models = await page.getByRole('row').count();
    await page.context().close();

    expect([first.length, second.length, pictures]).toEqual([25, 25, 23]);
    expect(first[0]).toContain('Picture 0 of a harbour');
    expect(second[0]).toContain('Picture 25 of a harbour');
    expect(found).toHaveLength(1);
    expect(run).toMatch(/Picture 1234 of a harbour/);
    expect(plot).toMatch(/^\$\d+\.\d\d in 30 days/);
    expect(models).toBe(6);
  });

  it('follow a run that goes on, under their own policy, and stop when it has ended', async () => {
    const page = await signedIn({ javaScriptEnabled: true });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    const { queries } = system.database;
    const change = (values: { phase?: string; status: string; progress: number | null }) =>
      queries.updateTable('runs').set(values).where('run_id', '=', 'run_000003').execute();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));

    await change({ phase: 'running', status: 'running', progress: 0.2 });
    await page.goto(`${system.url}/account/runs/run_000003`);
    const before = await page.locator('progress').getAttribute('value');
    await change({ status: 'running', progress: 0.8 });
    await expect.poll(() => page.locator('progress').getAttribute('value')).toBe('80');
    await change({ phase: 'done', status: 'succeeded', progress: null });
    await expect.poll(() => page.locator('.standing').textContent()).toContain('succeeded');
    const isLive = await page.locator('[data-live]').count();
    await page.context().close();

    expect([before, isLive]).toEqual(['20', 0]);
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => url.startsWith('http') && !url.startsWith(`${system.url}/`))).toEqual([]);
  });

  it('break no rule of accessibility and fit a phone', async () => {
    const page = await signedIn();
    const inspector = await openInspector(browser, { width: 360, scheme: 'dark' });
    const problems: string[] = [];

    for (const path of ['', '/runs', '/costs?days=90', '/operator']) {
      await page.goto(`${system.url}/account${path}`);
      const found = await problemsIn(inspector, await page.content());
      problems.push(...found.map((problem) => `${path}: ${problem}`));
    }
    await Promise.all([page.context().close(), inspector.context().close()]);

    expect(problems).toEqual([]);
  });
});
