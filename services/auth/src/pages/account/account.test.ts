import { browseRuns, listRuns, readUsage } from '@inferry/contracts';
import { addConfirmation } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalAccount } from '../../identity/accounts.ts';
import { createKey } from '../../keys/keys.ts';
import { type Page, TestBrowser } from '../../oauth/testing/browser.ts';
import { openSignIn, type SignInUnderTest } from '../../testing/open-sign-in.ts';
import { type ScriptedKeys, scriptKeys } from '../../testing/scripted-keys.ts';

const password = 'correct horse battery';
const goodKey = 'rw-0123456789abcdefghijkl';
let system: SignInUnderTest;
let runware: ScriptedKeys;

beforeEach(async () => {
  runware = scriptKeys('runware', 'Runware');
  runware.verdicts.set(goodKey, { outcome: 'ok', account: 'grace@runware.example' });
  system = await openSignIn({ env: { AUTH_DRIVERS: 'local' }, providers: [runware.provider] });
  for (const userName of ['ada', 'eve']) await createLocalAccount(system.database, { userName, password });
});
afterEach(() => system.close());

async function signedIn(userName: string): Promise<{ browser: TestBrowser; page: Page }> {
  const browser = new TestBrowser(system.url);
  const form = await browser.open('/account');
  const page = await browser.submit(form, { driver: 'local', user_name: userName, password });
  return { browser, page };
}

function csrfOf(page: Page): string {
  return /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
}

function post(
  browser: TestBrowser,
  path: string,
  { headers = {}, fields = {} }: { fields?: Record<string, string>; headers?: Record<string, string> },
): Promise<Page> {
  const own = { origin: system.url, 'sec-fetch-site': 'same-origin' };
  return browser.open(path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { ...own, ...headers },
  });
}

function idIn(page: Page, pattern: RegExp): string {
  return pattern.exec(page.html)?.[1] ?? '';
}

describe('the account page', () => {
  it('asks whoever is not signed in to sign in, and then shows their account', async () => {
    const browser = new TestBrowser(system.url);

    const form = await browser.open('/account');
    const { page } = await signedIn('ada');

    expect(form.url).toBe(`${system.url}/account/sign-in`);
    expect([page.status, page.url]).toEqual([200, `${system.url}/account`]);
    expect(page.html).toContain('<h1>ada</h1>');
  });

  it('adds a provider’s key after it was tried, and removes it', async () => {
    const { browser, page } = await signedIn('ada');
    const csrf = csrfOf(page);

    const added = await post(browser, '/account/connections', {
      fields: { csrf, provider: 'runware', key: goodKey },
    });
    const id = idIn(added, /connections\/([^/"]+)\/remove/);
    const stored = await system.dump();
    const removed = await post(browser, `/account/connections/${id}/remove`, { fields: { csrf } });

    expect(added.html).toContain('grace@runware.example');
    expect(added.html + stored).not.toContain(goodKey);
    expect(removed.html).toContain('The key was deleted.');
    expect(removed.html).not.toContain('grace@runware.example');
  });

  it('stores no key that its provider refuses or cannot be asked about', async () => {
    const { browser, page } = await signedIn('ada');
    const fields = { csrf: csrfOf(page), provider: 'runware' };

    const refused = await post(browser, '/account/connections', {
      fields: { ...fields, key: 'rw-somebody-elses-key' },
    });
    runware.isAway = true;
    const unknown = await post(browser, '/account/connections', { fields: { ...fields, key: goodKey } });

    expect(refused.html).toContain('Runware does not accept this key');
    expect(unknown.html).toContain('could not be asked about this key');
    expect(await system.dump()).not.toContain('runware');
  });

  it('replaces a key, and says whether the stored one still works', async () => {
    const { browser, page } = await signedIn('ada');
    const csrf = csrfOf(page);
    const added = await post(browser, '/account/connections', {
      fields: { csrf, provider: 'runware', key: goodKey },
    });
    const id = idIn(added, /connections\/([^/"]+)\/remove/);
    runware.verdicts.set('rw-another-good-key', { outcome: 'ok' });

    const replaced = await post(browser, `/account/connections/${id}/replace`, {
      fields: {
        csrf,
        key: 'rw-another-good-key',
      },
    });
    const works = await post(browser, `/account/connections/${id}/test`, { fields: { csrf } });
    runware.verdicts.delete('rw-another-good-key');
    const dead = await post(browser, `/account/connections/${id}/test`, { fields: { csrf } });

    expect(replaced.html).toContain('The new key was tried');
    expect(works.html).toContain('The key works.');
    expect(dead.html).toContain('does not accept this key');
  });

  it('makes an API key, shows it once and revokes it', async () => {
    const { browser, page } = await signedIn('ada');
    const csrf = csrfOf(page);

    const made = await post(browser, '/account/keys', {
      fields: { csrf, name: 'nightly', days: '30', rights: 'read' },
    });
    const secret = idIn(made, /id="new-key">([^<]+)</);
    const later = await browser.open('/account');
    const revoked = await post(browser, `/account/keys/${idIn(later, /keys\/([^/"]+)\/revoke/)}/revoke`, {
      fields: {
        csrf,
      },
    });

    expect(secret.length).toBeGreaterThan(30);
    expect(later.html).toContain('nightly');
    expect(later.html).not.toContain(secret);
    expect(revoked.html).not.toContain('nightly');
  });

  it.each([
    ...['1e300', 'Infinity', '-1', 'x', '0', '1.5', '0x10', '99999', ' 30', '3651'].map((days) => ({ days })),
    ...['constructor', '__proto__', 'toString', 'hasOwnProperty', '', 'mcp'].map((rights) => ({ rights })),
  ])('makes no API key of %j, and says why in a sentence', async (odd) => {
    const { browser, page } = await signedIn('ada');
    const fields = { csrf: csrfOf(page), name: 'odd', days: '30', rights: 'all', ...odd };

    const answer = await post(browser, '/account/keys', { fields });

    expect(answer.status).toBe(422);
    expect(answer.html).toMatch(/1 to 3650 whole days|Choose what the key may do/);
    expect(answer.html).not.toContain('id="new-key"');
    expect(await system.database.queries.selectFrom('api_keys').selectAll().execute()).toEqual([]);
  });

  it('makes fifty API keys and no more, however many are asked for at once', async () => {
    const { browser, page } = await signedIn('ada');
    const fields = { csrf: csrfOf(page), name: 'k', days: '', rights: 'all' };
    const { queries } = system.database;
    const subject = (await queries.selectFrom('accounts').selectAll().execute())[0]?.account_id ?? '';
    for (let count = 0; count < 49; count += 1)
      await createKey(system.database, { name: 'k', subject, madeBy: 'account' });

    await Promise.all([1, 2, 3].map(() => post(browser, '/account/keys', { fields })));
    const last = await post(browser, '/account/keys', { fields });

    expect(last.html).toContain('You have 50 keys, and more are not allowed');
    expect(await queries.selectFrom('api_keys').select('made_by').execute()).toEqual(
      Array.from({ length: 50 }, () => ({ made_by: 'account' })),
    );
  });

  it('shows what was run and what it cost, as the person and with no more rights than that', async () => {
    const asked: unknown[] = [];
    system.bus.serve(readUsage, async (_input, { principal }) => {
      asked.push(principal);
      return { totals: { runs: 3, charged: 1.5, currency: 'USD' }, buckets: [] };
    });
    system.bus.serve(listRuns, async () => ({
      items: [
        {
          run_id: 'run_1',
          status: 'succeeded',
          model: 'runware/flux',
          cost: { charged: 0.5, currency: 'USD' },
        },
      ],
    }));

    const { page } = await signedIn('ada');

    expect(page.html).toContain('$1.50');
    expect(page.html).toMatch(/runware\/flux[\s\S]*succeeded[\s\S]*\$0\.50/);
    expect(asked).toMatchObject([{ kind: 'oauth', scopes: ['runs:read', 'account:read'] }]);
  });

  it('shows what goes on first and once, however many runs began after it', async () => {
    const run = (id: string, status: 'running' | 'succeeded') => ({ run_id: id, status, model: `m/${id}` });
    system.bus.serve(listRuns, async () => ({ items: [run('new', 'succeeded'), run('mid', 'running')] }));
    system.bus.serve(readUsage, async () => ({
      totals: { runs: 9, charged: 0, currency: 'USD', unknown_cost_runs: 9 },
      buckets: [],
    }));
    system.bus.serve(browseRuns, async () => ({
      runs: [run('mid', 'running'), run('old', 'running')],
      next_cursor: 'c',
    }));

    const { page } = await signedIn('ada');
    const shown = [...page.html.matchAll(/>m\/(\w+)</g)].map(([, id]) => id);

    expect(shown).toEqual(['mid', 'old', 'new']);
    expect(page.html).toMatch(/Under way<\/dt><dd>2 or more<[\s\S]*Spent since [^<]*<\/dt><dd>unknown</);
  });

  it('shows the rest when nobody can tell of runs', async () => {
    const { page } = await signedIn('ada');

    expect(page.html).toContain('This cannot be read right now');
    expect(page.html).toContain('No provider yet');
  });

  it('lets nobody touch what is somebody else’s, and tells them as little as of what never was', async () => {
    const ada = await signedIn('ada');
    const csrf = csrfOf(ada.page);
    const added = await post(ada.browser, '/account/connections', {
      fields: {
        csrf,
        provider: 'runware',
        key: goodKey,
      },
    });
    await post(ada.browser, '/account/keys', { fields: { csrf, name: 'nightly', days: '', rights: 'all' } });
    const shown = await ada.browser.open('/account');
    const eve = await signedIn('eve');
    const evil = { csrf: csrfOf(eve.page) };
    const connection = idIn(added, /connections\/([^/"]+)\/remove/);
    const key = idIn(shown, /keys\/([^/"]+)\/revoke/);

    const notices: string[] = [];
    for (const path of [
      `connections/${connection}/remove`,
      `connections/${connection}/test`,
      `keys/${key}/revoke`,
      'connections/conn_never/remove',
      'clients/grant_never/revoke',
    ]) {
      const answer = await post(eve.browser, `/account/${path}`, { fields: evil });
      notices.push(`${answer.status} ${idIn(answer, /role="alert">([^<]+)/).trim()}`);
    }

    expect(new Set(notices)).toEqual(new Set(['422 That is not there any more.']));
    expect((await ada.browser.open('/account')).html).toContain('grace@runware.example');
  });

  it('signs out on the server too', async () => {
    const { browser, page } = await signedIn('ada');

    const out = await post(browser, '/account/sign-out', { fields: { csrf: csrfOf(page) } });

    expect(out.url).toBe(`${system.url}/account/sign-in`);
    expect(JSON.parse(await system.dump())[1]).toEqual([]);
  });
});

describe('forms of the account page', () => {
  it.each([
    ['without the token', {}, {}],
    ['with another’s token', { csrf: 'x'.repeat(43) }, {}],
    ['from another site', undefined, { 'sec-fetch-site': 'cross-site' }],
    ['from a host beside ours', undefined, { 'sec-fetch-site': 'same-site' }],
    ['from another origin', undefined, { origin: 'https://evil.example' }],
    ['from nowhere', undefined, { origin: 'null' }],
  ])('are refused %s, and nothing is done', async (_what, fields, headers) => {
    const { browser, page } = await signedIn('ada');
    const form = fields ?? { csrf: csrfOf(page) };

    const answers = await Promise.all([
      post(browser, '/account/keys', { fields: { name: 'evil', days: '', rights: 'all', ...form }, headers }),
      post(browser, '/account/sign-out', { fields: form, headers }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect((await browser.open('/account')).html).not.toContain('evil');
  });

  it('that sign in are refused in a browser that was not shown the page', async () => {
    const { browser, page } = await signedIn('ada');
    const form = await new TestBrowser(system.url).open('/account/sign-in');
    const victim = new TestBrowser(system.url);

    const answer = await post(victim, '/account/sign-in', {
      fields: {
        csrf: csrfOf(form),
        driver: 'local',
        user_name: 'eve',
        password,
      },
    });

    expect(answer.status).toBe(403);
    expect([...victim.cookies.keys()]).toEqual([]);
    expect([page.status, (await browser.open('/account')).status]).toEqual([200, 200]);
  });

  it('are refused when they are too large or no form', async () => {
    const { browser, page } = await signedIn('ada');

    const large = await post(browser, '/account/keys', {
      fields: { csrf: csrfOf(page), name: 'x'.repeat(40_000) },
    });
    const json = await browser.open('/account/keys', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json', origin: system.url },
    });

    expect([large.status, json.status]).toEqual([400, 400]);
  });
});

describe('a cost that waits for a yes', () => {
  async function subjectOf(userName: string): Promise<string> {
    const { account_id: id } = await system.database.queries
      .selectFrom('accounts')
      .select('account_id')
      .where('external_id', '=', userName)
      .executeTakeFirstOrThrow();
    return id;
  }

  async function ask(subject: string, id: string): Promise<void> {
    const question = JSON.stringify({
      model: '<i>p/m',
      price: 'up to 3 USD',
      mount: 'inferry',
      client: 'Cursor',
    });
    await addConfirmation(system.database.queries, {
      ...{ confirmation_id: id, subject, about_hash: id, question },
      ...{ asked_at: Date.now(), expires_at: Date.now() + 600_000 },
    });
  }

  it('is shown to whose run it is, who says yes or no', async () => {
    const { browser, page } = await signedIn('ada');
    const subject = await subjectOf('ada');
    for (const id of ['confirm_a', 'confirm_b']) await ask(subject, id);
    const shown = await browser.open('/account');
    const fields = { csrf: csrfOf(page) };

    const accepted = await post(browser, '/account/confirmations/confirm_a/accept', { fields });
    const declined = await post(browser, '/account/confirmations/confirm_b/decline', { fields });

    expect(shown.html).toContain('&lt;i&gt;p/m for up to 3 USD');
    expect([accepted.html.includes('You said yes'), declined.html.includes('You said no')]).toEqual([
      true,
      true,
    ]);
    expect((await browser.open('/account')).html).not.toContain('id="confirmations"');
    const rows = await system.database.queries
      .selectFrom('confirmations')
      .select('answer')
      .orderBy('confirmation_id')
      .execute();
    expect(rows).toEqual([{ answer: 'accepted' }, { answer: 'declined' }]);
  });

  it('of somebody else is neither shown nor answered', async () => {
    const { browser, page } = await signedIn('eve');
    await ask(await subjectOf('ada'), 'confirm_a');

    const outcome = await post(browser, '/account/confirmations/confirm_a/accept', {
      fields: { csrf: csrfOf(page) },
    });

    expect(page.html).not.toContain('confirm_a');
    expect(outcome.html).toContain('not there any more');
    expect(await system.database.queries.selectFrom('confirmations').select('answer').execute()).toEqual([
      { answer: null },
    ]);
  });
});
