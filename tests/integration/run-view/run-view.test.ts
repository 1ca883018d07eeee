import { readFile } from 'node:fs/promises';
import type { Cluster } from '@inferry/cli';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectAppHost, type Json, type OpenOptions, type OpenView } from '../support/app-host/app-host.ts';
import { type ScriptedCluster, startScriptedCluster } from '../support/scripted-cluster.ts';

const demoPicture = new URL('../../../cli/assets/demo.jpg', import.meta.url);
/** A shared machine runs the models: what is waited for is a fact, not a speed. */
const patience = { timeout: 90_000 };

let scripted: ScriptedCluster;
let cluster: Cluster;
let hosts: Record<'modern' | 'legacy', Awaited<ReturnType<typeof connectAppHost>>>;
let picture: string;
let opened: OpenView[] = [];
let lastRef = 0;

beforeAll(async () => {
  scripted = await startScriptedCluster({ replicas: 2, auth: 'none' });
  ({ cluster } = scripted);
  const url = `${cluster.url}/mcp`;
  hosts = {
    modern: await connectAppHost(url, { pin: '2026-07-28' }),
    legacy: await connectAppHost(url, 'legacy'),
  };
  const base64 = (await readFile(demoPicture)).toString('base64');
  picture = String((await call('upload_file', { base64, file_name: 'demo.jpg' })).asset_id);
}, 180_000);

afterEach(async () => {
  await Promise.all(opened.map((view) => view.close()));
  opened = [];
});

afterAll(async () => {
  await Promise.all(Object.values(hosts ?? {}).map((host) => host.close()));
  await scripted?.stop();
}, 60_000);

async function call(name: string, args: Json): Promise<Json> {
  return (await hosts.modern.client.callTool({ name, arguments: args })).structuredContent as Json;
}

async function open(options?: OpenOptions, host = hosts.modern): Promise<OpenView> {
  const view = await host.open(options);
  opened.push(view);
  return view;
}

/** Calls the model as an assistant does, and shows the call. */
async function start(view: OpenView, args: Json, host = hosts.modern): Promise<Json> {
  const full = { client_ref: `view-${++lastRef}`, wait_seconds: 0, ...args };
  await view.tell('ui/notifications/tool-input', { arguments: full });
  const result = await host.client.callTool({ name: 'run_model', arguments: full });
  await view.tell('ui/notifications/tool-result', result);
  return result.structuredContent as Json;
}

const card = ({ view }: OpenView) => view.locator('.card');
async function inPhase(open: OpenView, phase: string): Promise<void> {
  const reached = open.view.locator(`.card[data-phase=${phase}]`).waitFor(patience);
  await reached.catch(async (cause: unknown) => {
    throw new Error(`not ${phase}: ${await card(open).innerText()}`, { cause });
  });
}

/** Reads properties of an element in the view. */
async function read(open: OpenView, selector: string, ...names: string[]): Promise<unknown[]> {
  const pick = (element: unknown, wanted: string[]) =>
    // as: an element has properties by name.
    wanted.map((name) => (element as Record<string, unknown>)[name]);
  return open.view.locator(selector).evaluate(pick, names);
}

/** The host's two frames and the deployment. */
const ownOrigins = ({ page }: OpenView) => [
  new URL(cluster.url).origin,
  ...page
    .frames()
    .slice(0, 2)
    .map((frame) => new URL(frame.url()).origin),
];
const ran = (model: string, input: Json) => ({ model, input });

describe.each(['modern', 'legacy'] as const)('the view of a run (%s)', (era) => {
  it('shows the progress of a run, then its picture, its time and its cost, and tells the model', async () => {
    const host = hosts[era];
    const view = await open({}, host);

    await start(view, ran('local/upscale-2x', { image: picture }), host);

    await view.view.locator('[role=progressbar][aria-valuenow]').waitFor(patience);
    await inPhase(view, 'succeeded');
    await vi.waitFor(
      async () => expect((await read(view, 'img', 'naturalWidth'))[0]).toBeGreaterThan(0),
      patience,
    );
    expect(await card(view).innerText()).toMatch(
      /upscale-2x\s+local\s+Done[\s\S]*Cost\s+Free\s+Time\s+[\d.]+ s/,
    );
    expect([...view.origins].filter((origin) => !ownOrigins(view).includes(origin))).toEqual([]);
    const { contexts } = await view.heard();
    expect(JSON.stringify(contexts)).toMatch(/succeeded.*asset_/);
    expect(view.complaints).toEqual([]);
  }, 120_000);
});

describe('the view of a run', () => {
  it.each([
    ['video', 'local/pan-and-zoom', () => ({ image: picture, duration_seconds: 1, resolution: '360p' })],
    ['audio', 'local/speech', () => ({ text: 'The picture is ready.' })],
  ])(
    'plays %s',
    async (tag, model, input) => {
      const view = await open({ theme: 'dark' });

      await start(view, ran(model, input()));

      await inPhase(view, 'succeeded');
      await vi.waitFor(async () => {
        const [readyState, duration, error] = await read(view, tag, 'readyState', 'duration', 'error');
        expect(readyState).toBeGreaterThan(0);
        expect(duration).toBeGreaterThan(0.5);
        expect(error).toBe(null);
      }, patience);
      // as: the player of a picture in motion or of sound.
      await view.view
        .locator(tag)
        .evaluate((player) => (player as unknown as { play(): Promise<void> }).play());
      await vi.waitFor(
        async () => expect((await read(view, tag, 'currentTime'))[0]).toBeGreaterThan(0),
        patience,
      );
      expect(view.complaints).toEqual([]);
    },
    120_000,
  );

  it('finds the run while the call that made it still waits', async () => {
    const view = await open();
    const args = { model: 'scripted/job', input: { duration_ms: 6_000 }, client_ref: `view-${++lastRef}` };
    await view.tell('ui/notifications/tool-input', { arguments: args });

    const result = hosts.modern.client.callTool({
      name: 'run_model',
      arguments: { ...args, wait_seconds: 30 },
    });

    await inPhase(view, 'active');
    await view.tell('ui/notifications/tool-result', await result);
    await inPhase(view, 'succeeded');
    expect(await card(view).innerText()).toMatch(/Cost\s+\$0\.01/);
  }, 120_000);

  it('stops a run at the provider', async () => {
    const view = await open();
    const { run } = await start(view, ran('scripted/job', { duration_ms: 120_000 }));
    // as: a run that was started.
    const { run_id: runId } = run as { run_id: string };

    await view.view.getByRole('button', { name: 'Stop' }).click(patience);

    await inPhase(view, 'cancelled');
    expect((await call('get_run', { run_id: runId })).run).toMatchObject({ status: 'cancelled' });
  }, 120_000);

  it('says what went wrong and what to do next', async () => {
    const view = await open();

    await start(view, ran('local/speech', { text: 'Hello', speed: 9 }));

    await inPhase(view, 'failed');
    expect(await view.view.locator('.problem').innerText()).toMatch(
      /speed[\s\S]*What to do:[\s\S]*validation_failed/,
    );
  });

  it('says what a run would cost', async () => {
    const view = await open();

    await start(view, { ...ran('scripted/job', { duration_ms: 1 }), dry_run: true });

    await inPhase(view, 'quoted');
    expect(await card(view).innerText()).toMatch(/Price check[\s\S]*Nothing was run[\s\S]*At most\s+\$0\.01/);
  });

  it('goes on by itself when the server was away, and says so meanwhile', async () => {
    let isAway = true;
    const callServer = async (params: { name: string; arguments: Json }) => {
      if (isAway) throw new Error('away');
      return (await hosts.modern.client.callTool(params)) as Json;
    };
    const view = await open({ callServer });
    await start(view, ran('scripted/job', { duration_ms: 100 }));

    await view.view.getByText('cannot be reached').waitFor(patience);
    isAway = false;

    await inPhase(view, 'succeeded');
  }, 120_000);

  it('only says that a run goes on in a host that passes no calls on', async () => {
    const view = await open({ capabilities: {} });

    await start(view, ran('scripted/job', { duration_ms: 60_000 }));

    await view.view.getByText('Ask the assistant to check on it').waitFor(patience);
    expect(await view.view.getByRole('button').count()).toBe(0);
    expect((await view.heard()).calls).toEqual([]);
  });

  it('asks nothing more after the host ends it', async () => {
    const view = await open();
    await start(view, ran('scripted/job', { duration_ms: 60_000 }));
    await vi.waitFor(async () => expect((await view.heard()).calls.length).toBeGreaterThan(0), patience);

    await view.page.evaluate(
      "post({ id: 'end', method: 'ui/resource-teardown', params: { reason: 'closed' } })",
    );

    const before = (await view.heard()).calls.length;
    await view.page.waitForTimeout(3_000);
    expect((await view.heard()).calls.length - before).toBeLessThanOrEqual(1);
  });

  it('opens a link by asking the host', async () => {
    const view = await open();
    await start(view, ran('local/speech', { text: 'Hello.' }));
    await inPhase(view, 'succeeded');

    await view.view.getByRole('button', { name: 'Open Output' }).click();

    await vi.waitFor(async () => expect((await view.heard()).links).toHaveLength(1));
    expect((await view.heard()).links[0]).toMatch(new RegExp(`^${cluster.url}/files/`));
  }, 120_000);

  it('takes over the colours of its host and follows when they change', async () => {
    const view = await open({
      context: { styles: { variables: { '--color-background-primary': '#123456' } } },
    });
    const { page } = view;
    const ground = 'getComputedStyle(document.querySelector(".card")).backgroundColor';
    const inView = (expression: string) => page.frames().at(-1)?.evaluate(expression);
    await vi.waitFor(async () => expect(await inView(ground)).toBe('rgb(18, 52, 86)'), patience);

    await view.tell('ui/notifications/host-context-changed', { theme: 'dark' });

    const scheme = 'document.documentElement.style.colorScheme';
    await vi.waitFor(async () => expect(await inView(scheme)).toBe('dark'), patience);
  });
});
