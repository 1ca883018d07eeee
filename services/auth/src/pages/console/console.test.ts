import {
  AppError,
  browseRuns,
  cancelBatch,
  cancelRun,
  deleteAssets,
  getBatch,
  getRun,
  listAssets,
  operate,
  readOperation,
  readOutputs,
  readSpend,
  readWaveform,
  resolveAssets,
  viewOutput,
} from '@inferry/contracts';
import { ownBranding } from '@inferry/pages';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalAccount } from '../../identity/accounts.ts';
import { type Page, TestBrowser } from '../../oauth/testing/browser.ts';
import { consoleParts, hostileText } from '../../testing/console-gallery.ts';
import { openSignIn, type SignInUnderTest } from '../../testing/open-sign-in.ts';
import { pageGallery } from '../../testing/page-gallery.ts';
import { costWords, spentWords, took } from '../account/words.ts';
import { page } from '../layout.ts';
import { budgetBars, plotOf } from './charts.ts';
import { costsCsv } from './costs-page.ts';
import { waveform } from './media.ts';

const password = 'correct horse battery';
let system: SignInUnderTest;

async function signedIn(
  userName = 'ada',
  { path = '', ...env }: { path?: string; OPERATORS?: string } = {},
): Promise<TestBrowser> {
  system = await openSignIn({ env, path });
  for (const each of ['ada', 'eve']) await createLocalAccount(system.database, { userName: each, password });
  const browser = new TestBrowser(new URL(system.url).origin);
  const form = await browser.open(`${path}/account`);
  await browser.submit(form, { driver: 'local', user_name: userName, password });
  return browser;
}

function post(browser: TestBrowser, path: string, fields: Record<string, string>): Promise<Page> {
  return browser.open(path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { origin: new URL(system.url).origin, 'sec-fetch-site': 'same-origin' },
  });
}

function csrfOf({ html }: Page): string {
  return /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
}

const succeeded = {
  ...{ run_id: 'run_1', status: 'succeeded' as const, model: 'runware/flux' },
  ...{ created_at: '2026-11-20T10:00:00Z', finished_at: '2026-11-20T10:00:04Z' },
  cost: { charged: 0.5, currency: 'USD' },
};

describe('what many wrote', () => {
  it.each(Object.keys(consoleParts))('is text and nothing else on the page %s', (name) => {
    const html = page(ownBranding, consoleParts[name]?.(ownBranding) ?? { title: '', body: '' });

    expect(html).not.toContain('<script>');
    expect(html).not.toContain(hostileText.slice(0, 20));
    expect(html).not.toMatch(/javascript:|<img src=x/);
    expect(html).not.toMatch(/ style=| on[a-z]+="/);
  });
});

describe('a cost', () => {
  it.each([
    [{ charged: 0.5, currency: 'USD' }, 'succeeded', '$0.50'],
    [{ charged: 0, currency: 'USD' }, 'failed', '$0.00'],
    [{ unknown: true, currency: 'USD' }, 'succeeded', 'unknown'],
    [{ unknown: true, charged: 0, currency: 'USD' }, 'failed', 'unknown'],
    [{ unknown: true, assumed: 0.1, currency: 'USD' }, 'failed', 'unknown'],
    [{ assumed: 0.1, currency: 'USD' }, 'failed', 'unknown, at most $0.10'],
    [{ reserved: 0.35, currency: 'USD' }, 'running', 'at most $0.35'],
    [{ currency: 'USD' }, 'running', 'not known yet'],
    [undefined, 'queued', 'not known yet'],
    [{ currency: 'USD' }, 'cancelled', 'not charged'],
  ] as const)('of %j of a run that has %s reads %s', (cost, status, words) => {
    expect(costWords(cost, status)).toBe(words);
  });

  it('of many runs is never told as nothing where some are unknown', () => {
    const of = (charged: number, unknown: number) =>
      spentWords({ charged, currency: 'USD', unknown_cost_runs: unknown });

    expect([of(1.5, 0), of(0, 0), of(0, 2), of(1.5, 2)]).toEqual([
      '$1.50',
      '$0.00',
      'unknown',
      '$1.50 + unknown',
    ]);
  });

  it('that nobody tells is unknown on each page that shows it', () => {
    const shown = pageGallery().filter(({ name }) =>
      ['runs', 'costs-unknown', 'run-hostile', 'operator'].includes(name),
    );

    expect(shown.map(({ html }) => /unknown/.test(html))).toEqual([true, true, true, true]);
    expect(shown.find(({ name }) => name === 'costs-unknown')?.html).toContain('>unknown</h2>');
  });

  it('stands in a file for spreadsheets as a figure, with no text that is a formula', () => {
    const rows = [
      { day: '2026-11-20', model: '=cmd|"x"', currency: 'USD', runs: 2, charged: 0, unknown_cost_runs: 2 },
    ];

    expect(costsCsv(rows)).toBe(
      'day,model,currency,runs,charged,assumed,unknown_cost_runs\r\n' +
        '2026-11-20,"\'=cmd|""x""",USD,2,0,0,2\r\n',
    );
  });
});

describe('a plot', () => {
  const [since, until] = [Date.parse('2026-11-01T00:00:00Z'), Date.parse('2026-11-08T00:00:00Z')];
  const row = (day: number, model: string, charged: number) => ({
    ...{ day: `2026-11-0${day}`, model, charged, runs: 1, currency: 'USD' },
  });

  it('has every day, and the models that cost most with one series for all others', () => {
    const rows = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((model, index) => row(2, model, 7 - index));

    const { series, columns } = plotOf([...rows, row(7, 'a', 5)], { currency: 'USD', since, until });

    expect(series).toEqual(['a', 'b', 'c', 'd', 'e', 'all others']);
    expect(columns.map(({ amounts }) => amounts)).toEqual([
      ...[
        [0, 0, 0, 0, 0, 0],
        [7, 6, 5, 4, 3, 3],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
      ],
      ...[
        [0, 0, 0, 0, 0, 0],
        [5, 0, 0, 0, 0, 0],
      ],
    ]);
  });

  it('shows a budget as a bar with what is spent, what is held and when it begins again, for readers too', () => {
    const now = Date.parse('2026-11-07T00:00:00Z');
    const day = { ...{ currency: 'USD', limit: 10, window: 'day', time_zone: 'UTC' }, scope: 'subject' };
    const drawn = (spent: number, reserved: number, changes = {}) =>
      budgetBars([{ ...day, spent, reserved, ...changes }], now).text;

    const some = drawn(4, 3, { resets_at: '2026-11-08T00:00:00Z' });

    expect(some).toContain('class="part" width="40"');
    expect(some).toContain('class="held" x="40" width="30"');
    expect(some).toMatch(/<strong>\$4.*of \$10.*\$3.* held by runs under way/);
    expect(some).toContain('per day · begins again in 24 hours');
    expect(drawn(4, 5)).toContain('class="bar near"');
    expect(drawn(25, 0)).toMatch(/class="bar full".*class="part" width="100".*width="0"/);
  });

  it('has a week in each column of a year', () => {
    const year = { currency: 'USD', since: until - 365 * 86_400_000, until };

    const { columns, daysEach } = plotOf([row(7, 'a', 5)], year);

    expect([columns.length, daysEach, columns.at(-1)?.amounts]).toEqual([53, 7, [5]]);
  });

  it('draws a sound of any length, and a flat line where nothing is known', () => {
    const colours = { light: '#000', dark: '#fff' };
    const heights = (picture: string) =>
      [...picture.matchAll(/height="([\d.]+)" rx/g)].map(([, tall]) => tall);

    expect(new Set(heights(waveform([], colours, false)))).toEqual(new Set(['2.0']));
    expect(heights(waveform([0, 1], colours, false)).slice(6, 8)).toEqual(['2.0', '48.0']);
    expect([took(400), took(12_400), took(200_000), took(7_500_000)]).toEqual([
      '0.4 s',
      '12 s',
      '3 min 20 s',
      '2 h 5 min',
    ]);
  });
});

describe('the pages behind the account', () => {
  afterEach(() => system.close());

  it.each([
    '/account/runs',
    '/account/runs/run_1',
    '/account/costs',
    '/account/costs.csv',
    '/account/files',
    '/account/operator',
  ])('%s asks whoever is not signed in to sign in', async (path) => {
    system = await openSignIn();

    expect((await new TestBrowser(system.url).open(path)).url).toBe(`${system.url}/account/sign-in`);
  });

  it('show runs as the person asked for them, and lead to older ones', async () => {
    const browser = await signedIn();
    const asked: unknown[] = [];
    system.bus.serve(browseRuns, async (input, { principal }) => {
      asked.push({ ...input, scopes: principal.scopes });
      return { runs: [{ ...succeeded, about: 'a <b>fox</b>' }], next_cursor: 'c/1' };
    });

    const { html } = await browser.open('/account/runs?status=open&text=+fox+&cursor=c0');

    expect(asked).toEqual([
      {
        ...{ limit: 25, statuses: ['queued', 'running'], text: 'fox', cursor: 'c0' },
        scopes: ['runs:read', 'account:read'],
      },
    ]);
    expect(html).toMatch(/runware\/flux[\s\S]*a &lt;b&gt;fox[\s\S]*4\.0 s[\s\S]*succeeded[\s\S]*\$0\.50/);
    expect(html).toContain('href="/account/runs?status=open&amp;text=fox&amp;cursor=c%2F1"');
  });

  it('say so where nobody can tell of runs, costs or files', async () => {
    const browser = await signedIn();

    const pages = await Promise.all(
      ['runs', 'costs', 'files'].map((name) => browser.open(`/account/${name}`)),
    );

    expect(pages.map(({ status, html }) => [status, html.includes('This cannot be read right now')])).toEqual(
      pages.map(() => [200, true]),
    );
  });

  it('show a run with its input, outputs and diagnosis, and cancel it by a form of its own', async () => {
    const browser = await signedIn();
    system.bus.serve(getRun, async () => ({
      run: { run_id: 'run_1', status: 'running', model: 'runware/flux', progress: 0.25, cost: {} },
      input: { prompt: 'a fox' },
      diagnosis: 'It waits.',
    }));
    const cancelled: unknown[] = [];
    system.bus.serve(cancelRun, async (input, { principal }) => {
      cancelled.push([input, principal.scopes]);
      return { outcome: 'requested' };
    });

    const shown = await browser.open('/account/runs/run_1');
    const foreign = await post(browser, '/account/runs/run_1/cancel', { csrf: 'guessed' });
    const done = await post(browser, '/account/runs/run_1/cancel', { csrf: csrfOf(shown) });

    expect(shown.html).toMatch(/25 %[\s\S]*It waits\.[\s\S]*Cancel the run[\s\S]*a fox/);
    expect(foreign.status).toBe(403);
    expect(cancelled).toEqual([[{ run_id: 'run_1' }, ['runs:read', 'account:read', 'runs:write']]]);
    expect([done.url, done.html.includes('The platform was asked to stop')]).toEqual([
      `${system.url}/account/runs/run_1?done=cancel-asked`,
      true,
    ]);
  });

  it('know nothing of somebody else’s run', async () => {
    const browser = await signedIn();
    const unknown = () => {
      throw new AppError('run_not_found', 'You have no such run.');
    };
    system.bus.serve(getRun, unknown);
    system.bus.serve(readOutputs, unknown);

    const shown = await browser.open('/account/runs/run_9');
    const file = await browser.open('/account/runs/run_9/outputs/0/file');

    expect([shown.status, file.status]).toEqual([404, 404]);
  });

  it('lead to a file by a link that is made for this one look, and hold no such link', async () => {
    const browser = await signedIn();
    const outputs = [{ index: 0, kind: 'image', asset_id: 'asset_1', url: 'https://files.example/secret' }];
    system.bus.serve(getRun, async () => ({ run: { ...succeeded, outputs } }));
    system.bus.serve(readOutputs, async () => ({ outputs }));
    system.bus.serve(resolveAssets, async ({ refs }) => ({
      assets: refs.map((ref) => ({
        ...{ asset_id: ref, file_name: 'a.png', content_type: 'image/png', bytes: 1, sha256: '' },
        ...{ url: 'https://files.example/fresh', internal_url: '' },
      })),
    }));

    const { html } = await browser.open('/account/runs/run_1');
    const { status, location } = await browser.open('/account/runs/run_1/outputs/0/file');

    expect(html).toContain('src="/account/runs/run_1/outputs/0/file"');
    expect(html).not.toContain('files.example');
    expect([status, location]).toEqual([302, 'https://files.example/fresh']);
  });

  it('show small pictures and waveforms, and nothing where there is nothing to see', async () => {
    const browser = await signedIn();
    const outputs = [{ index: 0, kind: 'audio', asset_id: 'asset_1' }];
    system.bus.serve(viewOutput, async ({ index, max_px: px }) => {
      if (index === 1) throw new AppError('not_viewable', 'It cannot be shown.');
      return { image: { data: Buffer.from(`picture ${px}`).toString('base64'), mime_type: 'image/jpeg' } };
    });
    system.bus.serve(readOutputs, async () => ({ outputs }));
    system.bus.serve(readWaveform, async () => ({ peaks: [0.2, 1] }));
    const base = '/account/runs/run_1/outputs';

    const small = await browser.open(`${base}/0/preview?px=480`);
    const odd = await browser.open(`${base}/0/preview?px=99999`);
    const none = await browser.open(`${base}/1/preview`);
    const wave = await browser.open(`${base}/0/wave`);
    const bad = await browser.open(`${base}/x/preview`);

    expect([small.html, odd.html]).toEqual(['picture 480', 'picture 160']);
    expect([small.headers.get('content-type'), small.headers.get('cache-control')]).toEqual([
      'image/jpeg',
      'private, max-age=3600',
    ]);
    expect([none.status, bad.status]).toEqual([404, 404]);
    expect([wave.headers.get('content-type'), wave.html.startsWith('<svg')]).toEqual(['image/svg+xml', true]);
  });

  it('show batches as sheets, each with its runs, and cancel one by a form of its own', async () => {
    const browser = await signedIn();
    const asked: unknown[] = [];
    const batch = {
      ...{ batch_id: 'batch_1', status: 'running' as const, model: 'fal/flux', total: 3 },
      ...{ counts: { succeeded: 1, waiting: 2 }, cost: { currency: 'USD', charged: 0, unknown: true } },
      sheet: 'https://files.example/sheet' as string | undefined,
    };
    system.bus.serve(getBatch, async ({ batch_id: id }) => {
      if (id === undefined) return { batches: [batch], page: { next_cursor: 'c' } };
      if (id !== 'batch_1') throw new AppError('run_not_found', 'You have no such batch.');
      const items = [
        { index: 0, run_id: 'run_1', status: 'succeeded', input: { seed: 7 }, url: 'https://x.example' },
      ];
      return { batch: { ...batch }, items, page: {} };
    });
    system.bus.serve(cancelBatch, async (input, { principal }) => {
      asked.push([input, principal.scopes.at(-1)]);
      return { batch };
    });

    const list = await browser.open('/account/batches');
    const shown = await browser.open('/account/batches/batch_1');
    const sheet = await browser.open('/account/batches/batch_1/sheet');
    const table = await browser.open('/account/batches/batch_1/table');
    batch.sheet = undefined;
    const unmade = await browser.open('/account/batches/batch_1/sheet');
    const other = await browser.open('/account/batches/batch_9');
    const done = await post(browser, '/account/batches/batch_1/cancel', { csrf: csrfOf(shown) });

    expect(list.html).toMatch(/fal\/flux[\s\S]*running[\s\S]*1 of 3 succeeded, 2 waiting[\s\S]*>unknown</);
    expect(shown.html).toMatch(/src="\/account\/runs\/run_1\/outputs\/0\/preview\?px=160"[\s\S]*seed: 7/);
    expect(shown.html + list.html).not.toContain('files.example');
    expect([sheet.location, table.status, other.status]).toEqual(['https://files.example/sheet', 404, 404]);
    expect(unmade.url).toBe(`${system.url}/account/runs/run_1/outputs/0/preview?px=480`);
    expect(asked).toEqual([[{ batch_id: 'batch_1' }, 'runs:write']]);
    expect(done.html).toContain('No more of the batch is started');
  });

  it('show the library of files, and delete one by a form of its own', async () => {
    const browser = await signedIn();
    const asked: unknown[] = [];
    system.bus.serve(listAssets, async (input) => {
      asked.push(input);
      return {
        items: [{ asset_id: 'asset_1', kind: 'image', prompt: 'a fox', url: 'https://files.example/x' }],
      };
    });
    system.bus.serve(deleteAssets, async ({ asset_ids: ids = [] }, { principal }) => {
      asked.push([ids, principal.scopes.at(-1)]);
      return { deleted: ids.includes('asset_1') ? 1 : 0 };
    });

    const page = await browser.open('/account/files?kind=image&text=fox');
    const csrf = csrfOf(page);
    const done = await post(browser, '/account/files/asset_1/delete', { csrf });
    const gone = await post(browser, '/account/files/asset_9/delete', { csrf });
    const foreign = await post(browser, '/account/files/asset_1/delete', { csrf: '' });

    expect(asked.slice(0, 2)).toEqual([
      { limit: 24, query: 'fox', kind: 'image' },
      [['asset_1'], 'files:write'],
    ]);
    expect(page.html).toContain('src="/account/files/asset_1/preview?px=480"');
    expect(page.html).not.toContain('files.example');
    expect(done.html).toContain('The file was deleted.');
    expect([gone.status, gone.html.includes('That is not there any more.'), foreign.status]).toEqual([
      422,
      true,
      403,
    ]);
  });

  it('tell what was spent by day and model, also as a file', async () => {
    const browser = await signedIn();
    const asked: { since: string; until: string }[] = [];
    system.bus.serve(readSpend, async ({ since, until }) => {
      asked.push({ since, until });
      return { rows: [{ day: since.slice(0, 10), model: 'x/y', currency: 'USD', runs: 2, charged: 3.5 }] };
    });

    const { html } = await browser.open('/account/costs?days=7');
    const odd = await browser.open('/account/costs?days=1e9');
    const file = await browser.open('/account/costs.csv?days=7');

    expect(asked.map(({ since, until }) => (Date.parse(until) - Date.parse(since)) / 86_400_000)).toEqual([
      7, 30, 7,
    ]);
    expect(html).toMatch(/\$3\.50<\/h2>[\s\S]*<svg role="img" aria-label="\$3\.50 in 7 days/);
    expect(odd.html).toContain('aria-current="true">30 days');
    expect(file.headers.get('content-disposition')).toMatch(
      /^attachment; filename="costs-[\d-]+-7-days\.csv"$/,
    );
    expect(file.html).toContain(',x/y,USD,2,3.5,0,0');
  });

  it.each(['costs', 'operator'])('name each figure of %s where a phone hides the headings', (name) => {
    const shown = page(ownBranding, consoleParts[name]?.(ownBranding) ?? { title: '', body: '' });
    const tables = shown.match(/<table class="figures">[\s\S]*?<\/table>/g) ?? [];
    const found = tables.map((table) => {
      const headings = [...table.matchAll(/<th scope="col" class="number">([^<]*)/g)].map(([, text]) => text);
      const rows = table.match(/<tr><th scope="row">[\s\S]*?<\/tr>/g) ?? [];
      const named = rows.map((row) =>
        [...row.matchAll(/<td class="number" data-label="([^"]*)"/g)].map(([, text]) => text),
      );
      return { headings, named };
    });

    expect(found.length).toBeGreaterThan(1);
    for (const { headings, named } of found) expect(named).toEqual(named.map(() => headings));
    expect(found.flatMap(({ named }) => named).length).toBeGreaterThan(1);
  });

  it('load nothing from anywhere but this deployment, and run one script by its address', async () => {
    const browser = await signedIn();

    const { headers } = await browser.open('/account/runs');
    const script = await browser.open('/account/live.js');

    expect(headers.get('content-security-policy')?.replace(/sha256-[\w+/=]+/, 'sha256-…')).toBe(
      `default-src 'none'; style-src 'sha256-…'; script-src ${system.url}/account/live.js; ` +
        `img-src data: 'self' ${system.url}; connect-src 'self'; media-src 'self' ${system.url}; ` +
        "base-uri 'none'; frame-ancestors 'none'",
    );
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.html).toContain('data-live');
  });

  it('keep all of their addresses below a path of a shared host', async () => {
    const browser = await signedIn('ada', { path: '/ai' });
    const outputs = [{ index: 0, kind: 'video', asset_id: 'asset_1' }];
    system.bus.serve(getRun, async () => ({ run: { ...succeeded, outputs } }));
    system.bus.serve(browseRuns, async () => ({ runs: [{ ...succeeded, outputs }], next_cursor: 'c' }));

    const pages = await Promise.all(
      ['', '/runs', '/runs/run_1', '/files'].map((at) => browser.open(`/ai/account${at}`)),
    );
    const addresses = pages.flatMap(({ html }) =>
      [...html.matchAll(/ (?:href|src|action|poster)="(\/[^"]*)"/g)].map(([, address]) => address),
    );

    expect(addresses.length).toBeGreaterThan(30);
    expect(addresses.filter((address) => address?.startsWith('/ai/account') !== true)).toEqual([]);
  });
});

describe('the page of operators', () => {
  afterEach(() => system.close());

  it('is there for those that OPERATORS names, and for nobody else', async () => {
    const stranger = await signedIn('eve', { OPERATORS: 'ada' });
    const asked: unknown[] = [];
    system.bus.serve(operate, async (input) => {
      asked.push(input);
      return {};
    });

    const overview = await stranger.open('/account');
    const shown = await stranger.open('/account/operator');
    const paused = await post(stranger, '/account/operator/providers/fal/stop', { csrf: csrfOf(overview) });

    expect(overview.html).not.toContain('/account/operator');
    expect([shown.status, paused.status, asked]).toEqual([404, 404, []]);
  });

  it('shows how the deployment does, and pauses a platform in the operator’s name', async () => {
    const browser = await signedIn('ada', { OPERATORS: 'acct_other,ada' });
    const asked: unknown[] = [];
    system.bus.serve(readOperation, async ({ part }) => ({
      ...(part === 'platforms' && {
        platforms: [{ provider: 'fal', open: { running: 2 }, late_runs: 1, late_seconds: 44 }],
      }),
      ...(part === 'spend' && { spend: [{ subject: 'acct_1', currency: 'USD', runs: 1, charged: 2 }] }),
      ...(part === 'webhooks' && { webhooks: [] }),
      ...(part === 'limits' && {
        limits: [
          { scope: 'subject' as const, value: '*', at_once: 4, rate: { count: 30, window_ms: 60_000 } },
        ],
        limit_uses: [
          {
            ...{
              scope: 'subject' as const,
              value: 'acct_2',
              at_once: 4,
              rate: { count: 30, window_ms: 60_000 },
            },
            ...{ under_way: 4, sent: 12, waiting: 9, unended: 13, full: 'at_once' as const },
          },
        ],
      }),
    }));
    system.bus.serve(operate, async (input, { principal }) => {
      asked.push([input, principal.scopes.at(-1)]);
      return {};
    });

    const page = await browser.open('/account/operator');
    const done = await post(browser, '/account/operator/providers/fal/stop', {
      csrf: csrfOf(page),
      reason: 'ill',
    });

    expect(page.html).toMatch(
      /fal[\s\S]*late[\s\S]*2 running · 1 late, the first by 44 s[\s\S]*acct_1[\s\S]*\$2\.00/,
    );
    expect(page.html).toContain('Each tenant has at most 4 under way at once, at most 30 sent in a minute');
    expect(page.html).toMatch(
      /acct_2[\s\S]*as many as there may be[\s\S]*>4 of 4<[\s\S]*>12 of 30 in a minute<[\s\S]*>13<[\s\S]*>9</,
    );
    expect(asked).toEqual([[{ action: 'pause', object: 'fal', reason: 'ill' }, 'operator']]);
    expect(done.html).toContain('is sent nothing from now on');
  });

  it.each([
    ['operator', /300 of 300 in an hour[\s\S]*class="bar full"[\s\S]*key:4f1b9c[\s\S]*>any<[\s\S]*83 of 100/],
    ['operator', /sent as many as there may be, room in 2 min 30 s/],
    ['operator-empty', /None: each has as many as there are places/],
    ['operator-away', /id="limits">Limits of runs<\/h2><p[^>]*>This cannot be read right now/],
  ])('shows the limits of runs as %s', (name, words) => {
    const html = page(ownBranding, consoleParts[name]?.(ownBranding) ?? { title: '', body: '' });

    expect(html).toMatch(words);
  });

  it('is not opened by a name that somebody gave themselves', async () => {
    system = await openSignIn({ env: { AUTH_SIGN_UP: 'open', OPERATORS: 'mallory' } });
    const browser = new TestBrowser(system.url);
    const form = await browser.open('/account/sign-up');
    await browser.submit(form, { user_name: 'mallory', password });

    expect((await browser.open('/account')).html).toContain('<h1>mallory</h1>');
    expect((await browser.open('/account/operator')).status).toBe(404);
  });
});
