import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createRunView } from '@inferry/run-view';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AppHost, type Json, type OpenView, startAppHost } from '../support/app-host/app-host.ts';
import { callResult, ended, input, looks } from './made-up-results.ts';

/** Where pictures of the card are kept; without it none are. */
const shots = process.env.RUN_VIEW_SHOTS;
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const demoPicture = await readFile(new URL('../../../cli/assets/demo.jpg', import.meta.url));

let files: Server;
let origin: string;
let host: AppHost;
let view: OpenView | undefined;

beforeAll(async () => {
  files = createServer((request, response) => {
    const isPicture = request.url === '/files/picture.jpg';
    response
      .writeHead(isPicture ? 200 : 404, { 'content-type': 'image/jpeg' })
      .end(isPicture ? demoPicture : '');
  });
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  // as: it listens on a port.
  origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const contents = await createRunView([origin]).read();
  host = await startAppHost({
    html: 'text' in contents ? contents.text : '',
    csp: { resourceDomains: [origin] },
    callServer: async () => callResult({}),
  });
  if (shots !== undefined) await mkdir(shots, { recursive: true });
}, 60_000);

afterEach(async () => {
  await view?.close();
});

afterAll(async () => {
  await host?.close();
  files?.close();
});

async function show(
  result: Json | undefined,
  options: Parameters<AppHost['open']>[0] = {},
): Promise<OpenView> {
  const callServer = async () => result ?? callResult({});
  view = await host.open({ callServer, ...options });
  await view.tell('ui/notifications/tool-input', { arguments: input });
  if (result !== undefined) await view.tell('ui/notifications/tool-result', result);
  const phase = result === undefined ? 'waiting' : '';
  await view.view.locator(`.card${phase && `[data-phase=${phase}]`}`).waitFor();
  await view.view.getByText('A mountain lake').waitFor();
  if (result !== undefined) await view.view.locator('.card:not([data-phase=waiting])').waitFor();
  return view;
}

const inView = ({ page }: OpenView, expression: string): Promise<unknown> | undefined =>
  page.frames().at(-1)?.evaluate(expression);

const kinds = Object.keys(looks(''));
const screens = [
  ['a desktop', { width: 760, theme: 'light' }],
  ['a desktop in the dark', { width: 760, theme: 'dark' }],
  ['a phone', { width: 360, theme: 'light' }],
  ['a phone in the dark', { width: 360, theme: 'dark' }],
] as const;

describe.each(screens)('the card on %s', (_screen, { width, theme }) => {
  it.each(kinds)(
    'can be read by everybody and fits: %s',
    async (kind) => {
      const open = await show(looks(`${origin}/files/picture.jpg`)[kind], { width, theme });
      await open.page.waitForLoadState('networkidle');

      const overflow = await inView(open, 'document.documentElement.scrollWidth - innerWidth');
      const complaints = [...open.complaints];
      const { sizes } = await open.heard();
      await inView(open, axeSource);
      const found = await inView(
        open,
        `axe.run(document).then(({ passes, violations }) => passes.length < 10 ? 'axe saw nothing' : violations.map(({ id, nodes }) => id + ' ' + nodes[0].html))`,
      );

      if (shots !== undefined)
        await open.page.screenshot({ path: join(shots, `${kind}-${width}-${theme}.png`) });
      expect(found).toEqual([]);
      expect(overflow).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
      expect(sizes.at(-1)?.height).toBeGreaterThan(100);
    },
    60_000,
  );
});

describe('hostile content', () => {
  const script = '<img src=x onerror="alert(1)"><script>alert(2)</script>';

  it('is text: nothing of it runs, loads or becomes an element', async () => {
    const open = await show(
      callResult({
        run: {
          run_id: script,
          status: 'succeeded',
          model: `acme/${script}`,
          created_at: script,
          outputs: [
            { kind: 'text', text: script },
            { kind: 'json', text: script, mime_type: script },
            { kind: script, url: 'https://evil.example/file', mime_type: script },
            { kind: 'image', url: 'https://evil.example/pixel.png' },
            { kind: 'image', url: `${origin}.evil.example/pixel.png` },
            { kind: 'video', url: 'data:text/html,<script>alert(3)</script>' },
            { kind: 'audio', url: 'javascript:alert(4)' },
          ],
          cost: { currency: script, charged: 1 },
        },
        diagnosis: script,
        error: {
          code: script,
          message: script,
          next_action: script,
          details: { errors: [{ path: script }] },
        },
      }),
    );

    const made = await inView(
      open,
      "document.querySelectorAll('img, video, audio, a, script[src], iframe').length",
    );
    const { hostname } = new URL(origin);
    expect(made).toBe(0);
    expect([...open.origins].filter((known) => new URL(known).hostname !== hostname)).toEqual([]);
    expect(open.complaints).toEqual([]);
  });

  it('opens nothing but web pages, and only through the host', async () => {
    const urls = [
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'https://cdn.example/a.zip',
    ];
    const open = await show(ended({ outputs: urls.map((url) => ({ kind: 'file', url })) }));

    const buttons = open.view.getByRole('button');
    await buttons.first().click();

    await expect.poll(async () => (await open.heard()).links).toEqual(['https://cdn.example/a.zip']);
    expect(await buttons.count()).toBe(1);
  });

  it('of a frame that is not the host is not heard', async () => {
    const open = await show(undefined);

    const forged = { jsonrpc: '2.0', method: 'ui/notifications/tool-result', params: looks(origin).quoted };
    await inView(open, `postMessage(${JSON.stringify(forged)}, '*')`);
    // Messages come in order: when the one after it is there, it was heard or passed over.
    await inView(
      open,
      `new Promise((resolve) => {
        addEventListener('message', ({ data }) => data === 'after' && resolve());
        postMessage('after', '*');
      })`,
    );

    expect(await open.view.locator('.card').getAttribute('data-phase')).toBe('waiting');
  });

  it('cannot run code even where a host lets everything run', async () => {
    const open = await show(undefined);

    const ran = await inView(
      open,
      `(() => { try { document.body.innerHTML = '<img src=x onerror="window.hit = 1">'; } catch { return 'refused'; } return 'done'; })()`,
    );

    expect(ran).toBe('refused');
  });

  it('of a picture that does not load becomes a row with its link', async () => {
    const open = await show(ended({ outputs: [{ kind: 'image', url: `${origin}/files/gone.png` }] }));

    await open.view.locator('.file').waitFor();

    expect(await open.view.locator('img').count()).toBe(0);
  });
});
