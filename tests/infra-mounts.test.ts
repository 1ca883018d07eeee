/** Machines by HTTP: one life of a pod with the canonical tools and with Runpod's own, on the whole system with the emulated platform. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import {
  type Emulator,
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  startEmulators,
} from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let emulators: Emulators;
let platform: Emulator;
let system: EmbeddedSystem;
let origin: string;

beforeAll(async () => {
  emulators = await startEmulators({
    definitions: emulatorDefinitions.filter(({ slug }) => slug === 'runpod'),
    now: Date.now,
  });
  platform = emulators.of('runpod');
  folder = await mkdtemp(join(tmpdir(), 'inferry-infra-'));
  const env = {
    ...emulatorVariables(emulators),
    PROVIDERS: 'runpod',
    INFERRY_HOME: folder,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  origin = `http://127.0.0.1:${system.port}`;
}, 60_000);
afterAll(async () => {
  await system.close(2_000);
  await emulators.close();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => {
  expect(platform.violations).toEqual([]);
  platform.reset();
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
type Json = any;

async function ask(path: string, method: string, params: object): Promise<Json> {
  const response = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const text = await response.text();
  const data = text.startsWith('{') ? text : (/^data: (\{.*\})$/m.exec(text)?.[1] ?? text);
  return JSON.parse(data).result;
}

/** The JSON that a tool answers. */
async function call(path: string, [name, args]: readonly [string, object]): Promise<Json> {
  const { content, isError = false } = await ask(path, 'tools/call', { name, arguments: args });
  expect([content[0].text, isError]).toEqual([content[0].text, false]);
  return JSON.parse(content[0].text);
}

async function refusal(name: string, args: object): Promise<string> {
  const { content, isError } = await ask('/mcp/x/infra', 'tools/call', { name, arguments: args });
  expect(isError).toBe(true);
  return content[0].text;
}

const infra = (...tool: readonly [string, object]) => call('/mcp/x/infra', tool);
const runpod = (...tool: readonly [string, object]) => call('/mcp/runpod', tool);
const made = () => platform.requests.filter(({ kind }) => kind === 'submit');
const gpu = 'NVIDIA GeForce RTX 4090';
const spec = { name: 'trainer', image: 'runpod/pytorch:2.8.0', gpu_type_ids: [gpu] };

it('says at the start where the whole API is described, which version of it is called, and who calls to the platform [RPB-13]', async () => {
  const clientInfo = { name: 'trainer-agent', version: '2.1' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  const [third, fourth] = [
    await ask('/mcp/runpod', 'initialize', params),
    await ask('/mcp/runpod-4', 'initialize', params),
  ];
  const { tools } = await ask('/mcp/runpod', 'tools/list', {});
  await runpod('list-pods', {});

  expect(third.serverInfo).toMatchObject({
    name: 'Runpod API Server',
    version: '3.4.0 [RUNPOD_REST_VERSION unset (default v2)]',
  });
  expect(fourth.serverInfo.version).toBe('4.0.0');
  expect([third.instructions, fourth.instructions]).toEqual([
    expect.stringContaining('/openapi.json'),
    expect.stringContaining('/openapi.json'),
  ]);
  expect(tools).toHaveLength(54);
  expect(platform.requests.at(-1)?.headers['user-agent']).toMatch(
    /^runpod-mcp-server\/3\.4\.0 \(caller=mcp; client=\S+; client_version=\S+; transport=http\)$/,
  );
});

it('lists pods of clusters too for whoever asks so on the third version', async () => {
  const { pods } = await call('/mcp/runpod-4', ['list-pods', { includeClusterPods: true }]);

  expect(Array.isArray(pods)).toBe(true);
  expect(platform.requests.at(-1)?.query).toEqual({ includeClusterPods: 'true' });
});

it.each(['runpod', 'runpod-4'])(
  'every refusal at /mcp/%s has a code and says what to do next, whoever made it',
  async (key) => {
    const refused = [
      ['get-job-status', {}, 'validation_failed'],
      ['deploy-hub-repo', {}, 'validation_failed'],
      ['delete-template', { [key === 'runpod' ? 'templateId' : 'id']: 'nothing' }, 'not_found'],
      ['stream-pod-logs', { podId: 'nothing' }, 'not_found'],
      ['create-endpoint', key === 'runpod' ? { name: 'x', templateId: 't' } : {}, 'validation_failed'],
    ] as const;
    for (const [name, args, code] of refused) {
      const { isError, structuredContent } = await ask(`/mcp/${key}`, 'tools/call', {
        name,
        arguments: args,
      });

      const { error } = structuredContent ?? {};
      expect([name, isError, error?.code]).toEqual([name, true, code]);
      expect(error.next_action, name).toMatch(/\w/);
    }
  },
);

it('names all types of resources in a kilobyte, their platform once', async () => {
  const described = await infra('infra_describe', {});

  expect(JSON.stringify(described).length).toBeLessThan(1_024);
  expect(described.resources.map(({ provider }: Json) => provider).filter(Boolean)).toEqual(['runpod']);
  expect(described.resources.every(({ type, verbs }: Json) => type && verbs)).toBe(true);
});

it('shows capacity as a table that fits a kilobyte', async () => {
  const filters = { cuda_versions: ['12.8'] };
  const table = await infra('infra_list', { resource: 'capacity' });
  const probed = await infra('infra_list', { resource: 'capacity', filters });

  expect([JSON.stringify(table).length < 1_024, JSON.stringify(probed).length < 1_024]).toEqual([true, true]);
  expect(Object.keys(table.items[0])).toEqual(expect.arrayContaining(['id', 'stock']));
  expect(probed.items.map(({ cuda = '' }: Json) => cuda).join(' ')).toMatch(/^ ?(12\.8:\w+ ?)*$/);
});

it('tells in the account what runs now and what it has cost so far, by requests that stand alone [RP-23][RP-24]', async () => {
  const account = async (args: object) =>
    (await ask('/mcp', 'tools/call', { name: 'get_account', arguments: args })).structuredContent;
  const before = await account({});
  await infra('infra_create', { resource: 'pod', spec });
  const after = await account({});
  const asked = await account({ sections: ['machines'] });

  expect(before.machines).toBeUndefined();
  expect(after.machines).toMatchObject({ running: 1, hourly_cost: expect.any(Number), currency: 'USD' });
  expect(asked.machines.platforms).toEqual([
    {
      provider: 'runpod',
      running: 1,
      hourly_cost: asked.machines.hourly_cost,
      cost_so_far: expect.any(Number),
    },
  ]);
});

describe('the canonical tools of machines', () => {
  it('are eight, and there where they are asked for alone', async () => {
    const { tools } = await ask('/mcp/x/infra', 'tools/list', {});
    const usual = await ask('/mcp', 'tools/list', {});

    expect(tools.map(({ name }: Json) => name)).toHaveLength(8);
    expect(usual.tools.filter(({ name }: Json) => name.startsWith('infra_'))).toEqual([]);
  });

  it('quote a pod, make it once, list it with its cost, stop it and delete it by its name', async () => {
    const quoted = await infra('infra_create', { resource: 'pod', spec, dry_run: true });
    expect([quoted.hourly_cost, made()]).toEqual([0.44, []]);

    const request = { resource: 'pod', spec, max_hourly_cost: 0.5, client_ref: 'one', stop_after: 3_600 };
    const pod = await infra('infra_create', request);
    const again = await infra('infra_create', request);
    const { id } = pod.resource;
    expect([again.replayed, again.resource.id, made().length]).toEqual([true, id, 1]);

    const running = await infra('infra_list', { resource: 'pod' });
    expect(running.items).toMatchObject([{ id, name: 'trainer', status: 'RUNNING', hourly_cost: 0.44 }]);
    expect(running.items[0].stop_at).toBe(again.stop_at);
    expect(running.summary.hourly_cost).toBe(0.44);
    const { lines } = await infra('infra_logs', { resource: 'pod', id, grep: 'ready' });
    expect(lines).toEqual([expect.stringMatching(/container ready$/)]);

    await infra('infra_action', { resource: 'pod', id, action: 'stop' });
    const stopped = await infra('infra_list', { resource: 'pod' });
    expect([stopped.items[0].status, stopped.summary.hourly_cost]).toEqual(['STOPPED', 0]);

    expect(await refusal('infra_delete', { resource: 'pod', id })).toContain('confirm_name');
    await infra('infra_delete', { resource: 'pod', id, confirm_name: 'trainer' });
    expect((await infra('infra_list', { resource: 'pod' })).items).toEqual([]);
  });

  it('are refused above the caller’s most before anything is sent', async () => {
    const request = { resource: 'pod', spec, max_hourly_cost: 0.4 };

    expect(await refusal('infra_create', request)).toContain('max_cost_exceeded');
    expect(made()).toEqual([]);
  });

  it.each([
    ['template', { name: 't', image: 'i:1' }, { name: 'u' }],
    ['network_volume', { name: 'v', size: 50, data_center_id: 'US-KS-2' }, { size: 60 }],
    ['endpoint', { name: 'e', image: 'i:1', gpu_pool_ids: ['ADA_24'], workers_max: 1 }, { workers_max: 2 }],
    ['registry_auth', { name: 'r', username: 'u', password: 'p' }, undefined],
  ])('make, change and delete a %s', async (resource, given, patch) => {
    const { id } = (await infra('infra_create', { resource, spec: given })).resource;
    if (patch !== undefined) {
      const { changed } = await infra('infra_update', { resource, id, patch });
      expect(changed).toEqual(Object.keys(patch));
    }
    const { name } = (await infra('infra_get', { resource, id })).resource;

    expect(await infra('infra_delete', { resource, id, confirm_name: name })).toEqual({ deleted: true });
    const { items } = await infra('infra_list', { resource });
    expect(items.map((item: Json) => item.id)).not.toContain(id);
  });
});

describe('Runpod’s own tools', () => {
  it('make, list, stop and delete a pod, and find one whose reply was lost', async () => {
    const pod = { name: 'test-pod', imageName: 'runpod/pytorch:2.8.0', gpuTypeIds: [gpu], gpuCount: 1 };
    platform.script({ dropReplyAfterAccept: true });

    const found = await runpod('create-pod', pod);
    platform.script({});

    expect([found.name, found._found, made().length]).toEqual(['test-pod', expect.any(String), 1]);
    const { items } = await runpod('list-pods', { name: 'test-pod' });
    expect(items.map(({ id }: Json) => id)).toEqual([found.id]);
    expect(await runpod('stop-pod', { podId: found.id })).toMatchObject({ status: 'STOPPED' });
    expect(await runpod('delete-pod', { podId: found.id })).toEqual({ success: true, status: 204 });
    expect((await runpod('list-pods', {})).items).toEqual([]);
  });

  it('make a CPU pod by the first version, which the second shows [RP-71]', async () => {
    const { id, _servedBy: by } = await runpod('create-pod', {
      ...{ name: 'cpu', imageName: 'i:1', computeType: 'CPU' },
    });

    expect(by).toBe('v1');
    expect(await runpod('get-pod', { podId: id })).toMatchObject({ id, name: 'cpu', status: 'RUNNING' });
  });

  it.each([
    ['list-gpu-types', { searchTerm: '4090' }, 'availability'],
    ['get-capacity', { cudaVersions: ['12.8'] }, 'cudaVersions'],
    ['list-data-centers', { region: 'EUROPE' }, 'compliance'],
    ['list-cpu-types', {}, 'vcpu'],
    ['list-public-endpoints', { limit: 1 }, 'endpointId'],
    ['list-hub-repos', { limit: 1 }, 'title'],
    ['list-endpoints', { limit: 1 }, 'requestUrls'],
    ['list-templates', {}, 'image'],
    ['get-billing', { scope: 'pods' }, 'totalAmount'],
  ])('read %s', async (name, args, field) => {
    const { items, pagination } = await runpod(name, args);

    expect(pagination.returned).toBeGreaterThan(0);
    expect(Object.keys(items[0])).toContain(field);
  });
});
