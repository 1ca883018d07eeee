/** Every mount of a profile over HTTP, met by both generations of the official client and by plain JSON of both eras. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { profileOf, profiles } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  startEmulators,
} from '@inferry/testing/emulators';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mountClients } from './mount-clients.ts';
import { foreignIn, meet, pictures, textOf, uses } from './mount-uses.ts';

const platforms = ['runflow', 'runware', 'modelrunner', 'runpod'];

const ownHost = 'mcp.runware.example';

let folder: string;
let emulators: Emulators;
let system: EmbeddedSystem;
let origin: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-mounts-'));
  const definitions = emulatorDefinitions.filter(({ slug }) => platforms.includes(slug));
  emulators = await startEmulators({ definitions, now: Date.now });
  // As `npm start -- --emulators`: no list of profiles, so that those with a connected platform are served.
  const env = {
    ...emulatorVariables(emulators),
    INFERRY_EMULATORS: emulators.url,
    PROVIDERS: platforms.join(),
    RUNWARE_API_KEY: emulators.of('runware').keys.valid,
    PROFILE_HOSTS: `${ownHost}=runware`,
    INFERRY_HOME: folder,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  origin = `http://127.0.0.1:${system.port}`;
  for (const slug of platforms) emulators.of(slug).script({ states: ['running', 'running', 'succeeded'] });
  const [plain] = Object.values(mountClients);
  await vi.waitFor(
    async () => {
      for (const [key, { free }] of Object.entries(uses)) {
        const met = await plain?.(urlOf(key));
        const answer = await met?.call(free.name, free.args);
        await met?.close();
        expect(answer === undefined ? '' : textOf(answer)).toContain(free.says);
      }
    },
    { timeout: 25_000, interval: 200 },
  );
}, 60_000);
afterAll(async () => {
  await system?.close(1_000);
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
});
function urlOf(key: string): string {
  return key === 'inferry' ? `${origin}/mcp` : `${origin}/mcp/${key}`;
}

// All at once: most of the time is the emulated platforms' own.
it.concurrent.each(Object.entries(mountClients))(
  '%s finds every mount as its own server: tools, a free call, a run with progress, errors in its words [RF-21]',
  async (client, connect) => {
    await Promise.all(
      Object.keys(uses).map(async (key) => {
        const met = await connect(urlOf(key));
        try {
          await meet(key, met, `${key} ${client}`);
        } finally {
          await met.close();
        }
      }),
    );
  },
);

it('every profile of the product is among them', () => {
  expect(Object.keys(uses).toSorted()).toEqual(profiles.map(({ key }) => key).toSorted());
});

it('descriptions and fields of a mount’s list name no tool of another one', async () => {
  const found = profiles.map(({ key, tools }) => [
    key,
    tools.flatMap(({ description, inputSchema, outputSchema }) =>
      foreignIn(key, JSON.stringify([description, inputSchema, outputSchema])),
    ),
  ]);

  expect(found.filter(([, names]) => names?.length !== 0)).toEqual([]);
});

describe('a mount of Runpod, narrowed by its path', () => {
  it.each(['runpod', 'runpod-4'])(
    '/mcp/%s has the groups that are named, and those that only read',
    async (key) => {
      const connect = Object.values(mountClients)[0];
      const namesAt = async (path: string) => {
        const met = await connect?.(`${urlOf(key)}${path}`);
        await met?.close();
        return met?.tools ?? [];
      };
      const tools = profileOf(key)?.tools ?? [];
      const grouped = tools.filter(({ group }) => group === 'pods' || group === 'endpoints');

      const some = await namesAt('/x/pods,endpoints');
      const reading = await namesAt('/x/pods,endpoints/readonly');

      expect(some.map(({ name }) => name)).toEqual(grouped.map(({ name }) => name));
      expect(reading.map(({ name }) => name)).toEqual(
        grouped.filter(({ annotations }) => annotations.readOnlyHint).map(({ name }) => name),
      );
      expect(reading.map(({ name }) => name)).toContain('list-pods');
      expect(reading.map(({ name }) => name)).not.toContain('create-pod');
      await expect(namesAt('/x/jewels')).rejects.toThrow('pods');
    },
  );
});

describe('a host of its own', () => {
  /** One message to the root of the host, as whoever has that name in a proxy sends it on. */
  function ask(method: string, params: object = {}): Promise<string> {
    const headers = {
      ...{ host: ownHost, 'content-type': 'application/json' },
      accept: 'application/json, text/event-stream',
    };
    return new Promise((resolve, reject) => {
      const sent = request(`${origin}/`, { method: 'POST', headers }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve(text));
      });
      sent.on('error', reject);
      sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
    });
  }

  it('has the profile’s server at its root [RW-01]', async () => {
    const hello = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    };
    const { result } = JSON.parse(await ask('initialize', hello));
    const listed = JSON.parse(await ask('tools/list'));
    const called = await ask('tools/call', { name: 'list_models', arguments: {} });

    expect(result.serverInfo).toMatchObject({ name: 'runware', title: 'Runware' });
    expect(listed.result.tools).toHaveLength(12);
    expect(called).toContain(pictures);
  });
});

it('the schema that a tool of Runware links to is read as a resource there, and at no mount of another platform [RW-29]', async () => {
  const connect = Object.values(mountClients)[0];
  const met = await connect?.(urlOf('runware'));
  const { content = [] } = (await met?.call('model_schema', { model: pictures })) ?? {};
  const { uri } = content.find(({ type }) => type === 'resource_link') ?? {};
  const read = async (key: string) => {
    const message = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri } };
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(urlOf(key), { method: 'POST', headers, body: JSON.stringify(message) });
    return response.text();
  };

  expect(await read('runware')).toContain('positivePrompt');
  expect(await read('runpod')).not.toContain('positivePrompt');
});

it.each(['/mcp/nothing', '/mcp/runware-2', '/mcp/x', '/mcp/RUNWARE'])(
  'there is nothing at %s',
  async (path) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const headers = { 'content-type': 'application/json' };

    const response = await fetch(`${origin}${path}`, { method: 'POST', headers, body });

    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('"not_found"')]);
  },
);

it('runs are charged to the key in RUNWARE_API_KEY, and nobody has signed in [RW-37]', async () => {
  const connect = Object.values(mountClients)[0];
  const { requests, keys } = emulators.of('runware');
  const before = requests.length;

  const met = await connect?.(urlOf('runware'));
  const answer = await met?.call('run', { model: pictures, positivePrompt: 'a hare' });

  expect(answer?.isError ?? false).toBe(false);
  // Results are fetched by their addresses, without a key.
  const sent = requests.slice(before).filter(({ body }) => Array.isArray(body));
  expect(JSON.stringify(sent.map(({ body }) => body))).toContain('a hare');
  expect(new Set(sent.map(({ headers }) => headers.authorization))).toEqual(
    new Set([`Bearer ${keys.valid}`]),
  );
});
