/** Servers described by files: the worked example of docs/profiles.md, through a real client on the whole system. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { unportableKeywords } from '@inferry/contracts';
import { freePort } from '@inferry/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

let folder: string;
let profiles: string;
let system: EmbeddedSystem;

const within = { timeout: 20_000, interval: 100 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-profiles-'));
  profiles = await mkdtemp(join(tmpdir(), 'inferry-profile-files-'));
  const page = await readFile(join(import.meta.dirname, '../docs/profiles.md'), 'utf8');
  for (const [, file = '', content = ''] of page.matchAll(/```yaml\n# (\S+)\n([^`]*)```/g))
    await writeFile(join(profiles, file), content);
  await writeFile(join(profiles, 'broken.yaml'), 'title: Broken\ntools:\n  get_runn:\n');
  const env = {
    PROVIDERS: 'local',
    INFERRY_AUTH: 'none',
    INFERRY_HOME: folder,
    PROFILES_FOLDER: profiles,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  await vi.waitFor(async () => expect(await toolsAt('acme')).toContain('say'), within);
}, 60_000);
afterAll(async () => {
  await system.close(2_000);
  await Promise.all([folder, profiles].map((path) => rm(path, { recursive: true, force: true })));
});

async function withClient<T>(profile: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${system.port}/mcp/${profile}`)),
  );
  try {
    return await act(client);
  } finally {
    await client.close();
  }
}

const toolsAt = (profile: string) =>
  withClient(profile, async (client) => (await client.listTools()).tools.map(({ name }) => name));

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
const call = (profile: string, name: string, args: Record<string, unknown>): Promise<any> =>
  withClient(profile, (client) => client.callTool({ name, arguments: args }));

describe('a server from a file', () => {
  it('is as its file says, with a typed tool for each model', async () => {
    await withClient('acme', async (client) => {
      const { tools } = await client.listTools();

      expect(client.getServerVersion()).toMatchObject({ name: 'acme', title: 'Acme media' });
      expect(client.getInstructions()).toContain('follow_up');
      expect(tools.map(({ name }) => name)).toEqual(['enlarge', 'say', 'follow_up', 'create_upload']);
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
    expect(await toolsAt('acme')).toHaveLength(4);
    await rm(join(profiles, 'broken.yaml'));
    await expect.poll(() => status('broken'), within).toBe(404);
  });
});
