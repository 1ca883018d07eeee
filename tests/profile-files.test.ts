/** Servers described by files: the worked example of docs/profiles.md, through a real client on the whole system. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { unportableKeywords } from '@inferry/contracts';
import { freePort } from '@inferry/testing';
import {
  comfyuiEmulator,
  type Emulators,
  emulatorVariables,
  startEmulators,
} from '@inferry/testing/emulators';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mountClients } from './mount-clients.ts';

let emulators: Emulators;
let folder: string;
let profiles: string;
let system: EmbeddedSystem;
/** Lines of the example. */
let lines: string[] = [];

const within = { timeout: 20_000, interval: 100 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-profiles-'));
  profiles = await mkdtemp(join(tmpdir(), 'inferry-profile-files-'));
  const page = await readFile(join(import.meta.dirname, '../docs/profiles.md'), 'utf8');
  for (const [, file = '', content = ''] of page.matchAll(/```yaml\n# (\S+)\n([^`]*)```/g)) {
    lines = [...lines, ...content.trimEnd().split('\n')];
    await writeFile(join(profiles, file), content);
  }
  await writeFile(join(profiles, 'broken.yaml'), 'title: Broken\ntools:\n  get_runn:\n');
  emulators = await startEmulators({ definitions: [comfyuiEmulator], now: Date.now });
  emulators.of('comfyui').script({ states: ['succeeded'] });
  const env = {
    ...emulatorVariables(emulators),
    PROVIDERS: 'local,comfyui',
    INFERRY_AUTH: 'none',
    INFERRY_HOME: folder,
    PROFILES_FOLDER: profiles,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  await vi.waitFor(async () => expect(await toolsAt('acme')).toContain('say'), within);
  await makeWrapper();
  await vi.waitFor(async () => expect(await toolsAt('acme')).toEqual(exampleTools), within);
}, 60_000);
afterAll(async () => {
  await system?.close(2_000);
  await emulators?.close();
  await Promise.all([folder, profiles].map((path) => rm(path, { recursive: true, force: true })));
});

const exampleTools = [
  ...['enlarge', 'say', 'animate', 'read_text', 'shorten', 'announce', 'polish'],
  ...['follow_up', 'create_upload'],
];

/** The wrapper of the page that leads to it, published. */
async function makeWrapper(): Promise<void> {
  const page = await readFile(join(import.meta.dirname, '../docs/build-a-wrapper.md'), 'utf8');
  const blocks = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json = '']) => JSON.parse(json));
  const { definition } = blocks.find(({ tool }) => tool === 'preview_wrapper').arguments;
  const wrapper = { definition, visibility: 'public', status: 'published' };
  await vi.waitFor(async () => {
    const made = await call('?toolsets=wrappers', 'create_wrapper', { ...wrapper, client_ref: 'example' });
    expect(made.structuredContent.error).toBeUndefined();
  }, within);
}

async function withClient<T>(profile: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(urlOf(profile))));
  try {
    return await act(client);
  } finally {
    await client.close();
  }
}

function urlOf(profile: string): string {
  const at = profile === '' || profile.startsWith('?') ? profile : `/${profile}`;
  return `http://127.0.0.1:${system.port}/mcp${at}`;
}

const toolsAt = (profile: string) =>
  withClient(profile, async (client) => (await client.listTools()).tools.map(({ name }) => name));

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
const call = (profile: string, name: string, args: Record<string, unknown>): Promise<any> =>
  withClient(profile, (client) => client.callTool({ name, arguments: args }));

async function storePicture(): Promise<string> {
  const base64 =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const { structuredContent } = await call('', 'upload_file', { base64, file_name: 'a.png' });
  return structuredContent.asset_id;
}

describe('a server from a file', () => {
  it('takes 40 lines for five models, a wrapper, a workflow and guests', () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.length).toBeLessThanOrEqual(40);
  });

  it.each(Object.entries(mountClients))('is listed and called by %s', async (_client, connect) => {
    const met = await connect(urlOf('acme'));

    expect([met.serverName, met.tools.map(({ name }) => name)]).toEqual(['acme', exampleTools]);
    const said = await met.call('shorten', { text: 'A fox is red. A fox is quick. The fence is high.' });
    expect([said.isError ?? false, said.content.length > 0]).toEqual([false, true]);
    await met.close();
  });

  it('is as its file says, with a typed tool for each model', async () => {
    await withClient('acme', async (client) => {
      const { tools } = await client.listTools();

      expect(client.getServerVersion()).toMatchObject({ name: 'acme', title: 'Acme media' });
      expect(client.getInstructions()).toContain('follow_up');
      expect(tools.map(({ name }) => name)).toEqual(exampleTools);
      const say = tools.find(({ name }) => name === 'say');
      expect(say).toMatchObject({ title: 'Say it', annotations: { readOnlyHint: false } });
      expect(say?.inputSchema).toMatchObject({
        type: 'object',
        properties: { text: { type: 'string' }, speed: { default: 1.5 } },
        required: ['text'],
      });
      expect(say?.inputSchema.properties).not.toHaveProperty('voice');
      for (const word of unportableKeywords)
        expect(JSON.stringify(tools.map(({ inputSchema }) => inputSchema))).not.toContain(`"${word}":`);
    });
  });

  it('runs the model with what the file sets', async () => {
    const said = await call('acme', 'say', { text: 'Hello.' });

    const runId = said.structuredContent?.run?.run_id;
    expect(said.structuredContent?.error).toBeUndefined();
    await expect
      .poll(async () => (await call('acme', 'follow_up', { run_id: runId })).structuredContent.run, within)
      .toMatchObject({ status: 'succeeded', model: 'local/speech' });
    const { structuredContent } = await withClient('', (client) =>
      client.callTool({ name: 'get_run', arguments: { run_id: runId, include: ['input'] } }),
    );
    expect(JSON.stringify(structuredContent)).toMatch(/"voice":"rms"/);
    expect(JSON.stringify(structuredContent)).toMatch(/"speed":1.5/);
  });

  it('runs the wrapper and the workflow as tools of their own inputs', async () => {
    const { tools } = await withClient('acme', (client) => client.listTools());
    const fieldsOf = (name: string) =>
      Object.keys(tools.find((tool) => tool.name === name)?.inputSchema.properties ?? {});
    const image = await storePicture();

    expect(fieldsOf('announce')).toEqual(['destination', 'platform', 'delay']);
    expect(fieldsOf('polish')).toContain('image');
    expect(fieldsOf('enlarge')).toContain('client_ref');
    const announced = await call('acme', 'announce', { destination: 'york', platform: 3 });
    const wrong = await call('acme', 'announce', { destination: 'paris', platform: 3 });
    const polished = await call('acme', 'polish', { image });

    expect(announced.structuredContent.run).toMatchObject({
      model: 'local/speech',
      wrapper: 'me/platform-announcement',
    });
    expect(wrong.structuredContent.error).toMatchObject({ code: 'validation_failed' });
    expect(polished.structuredContent.run).toMatchObject({ model: 'comfyui/enlarge-image' });
  });

  it('takes one key for one run, where the file says so', async () => {
    const args = { image: await storePicture(), client_ref: 'retry' };

    const [first, second] = [await call('acme', 'enlarge', args), await call('acme', 'enlarge', args)];

    expect(second.structuredContent).toMatchObject({
      replayed: true,
      run: { run_id: first.structuredContent.run.run_id },
    });
  });

  it('takes no argument that the file has hidden, and says what there is', async () => {
    const refused = await call('acme', 'say', { text: 'Hello.', voice: 'slt' });

    expect(refused.isError).toBe(true);
    expect(refused.structuredContent.error).toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ path: 'voice', hint: 'known: text, speed' }] },
    });
  });

  it('lets guests look, within the limits', async () => {
    expect(await toolsAt('acme-guests')).toEqual(['find_models', 'show_model']);
    const found = await call('acme-guests', 'find_models', { query: 'speech' });
    const shown = await call('acme-guests', 'show_model', { model: 'fal/flux' });
    const run = await call('acme-guests', 'run_model', { model: 'local/speech' }).catch((error) => error);

    expect(found.structuredContent.items[0]).toMatchObject({ model: 'local/speech' });
    expect(JSON.stringify(found)).not.toContain('run_model');
    expect(JSON.stringify(found)).not.toContain('get_model');
    expect(shown.structuredContent.error).toMatchObject({ code: 'forbidden' });
    expect(run.message).toContain('There is no tool run_model here');
  });

  it('is not served where its file is wrong, and is once it is right; the others go on', async () => {
    const status = async (profile: string) =>
      (await fetch(`http://127.0.0.1:${system.port}/mcp/${profile}`, { method: 'POST' })).status;
    expect(await status('broken')).toBe(404);

    await writeFile(join(profiles, 'broken.yaml'), 'title: Whole\ntools:\n  get_run:\n');

    await expect.poll(() => status('broken'), within).not.toBe(404);
    expect(await toolsAt('broken')).toEqual(['get_run']);
    expect(await toolsAt('acme')).toEqual(exampleTools);
    await rm(join(profiles, 'broken.yaml'));
    await expect.poll(() => status('broken'), within).toBe(404);
  });
});
