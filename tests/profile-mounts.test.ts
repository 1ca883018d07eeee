/** Every mount of a profile over HTTP, met by both generations of the official client and by plain JSON of both eras. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { isObject, type JsonObject } from '@inferry/contracts';
import { profileOf, profiles } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  startEmulators,
} from '@inferry/testing/emulators';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Answer, type Met, mountClients } from './mount-clients.ts';

const platforms = ['runflow', 'runware', 'modelrunner', 'runpod'];

/** How a mount is used: something that costs nothing, a run to its end, and a call that is refused. */
interface Use {
  server: string;
  free: { name: string; args: JsonObject; says: string };
  /** Gives the text of the end; `id` is another one for each caller. */
  run(call: Call, id: string): Promise<Answer>;
  tellsProgress: boolean;
  wrong: { name: string; args: JsonObject; says: string };
}

type Call = (name: string, args: JsonObject) => Promise<Answer>;

const ownHost = 'mcp.runware.example';
const pictures = 'runware:100@1';

/** By `again` until a call no longer says that the run goes on: a machine may be as slow as it likes. */
async function untilEnd(first: Answer, again: () => Promise<Answer>, goesOn: RegExp): Promise<Answer> {
  let answer = first;
  while (goesOn.test(textOf(answer))) answer = await again();
  return answer;
}

async function runJob(call: Call): Promise<Answer> {
  const job = JSON.parse(
    textOf(await call('run-endpoint', { endpointId: 'ep1', input: { prompt: 'a fox' } })),
  );
  const look = () => call('get-job-status', { endpointId: 'ep1', jobId: job.id });
  return untilEnd(await look(), look, /"IN_(?:QUEUE|PROGRESS)"/);
}

const runpod: Omit<Use, 'wrong'> = {
  server: 'Runpod API Server',
  free: { name: 'list-endpoints', args: {}, says: 'image-generator' },
  run: runJob,
  // Each call is one request of the platform; nothing is waited for in between.
  tellsProgress: false,
};

const uses: Readonly<Record<string, Use>> = {
  inferry: {
    server: 'inferry',
    free: { name: 'search_models', args: { query: 'flux' }, says: pictures },
    async run(call, id) {
      const args = { model: `runware/${pictures}`, input: { positivePrompt: 'a fox' }, client_ref: id };
      const once = () => call('run_model', { ...args, wait_seconds: 20 });
      return untilEnd(await once(), once, /get_run\(/);
    },
    tellsProgress: true,
    wrong: { name: 'get_run', args: { run_id: 'nothing' }, says: 'list_runs' },
  },
  runflow: {
    server: 'Runflow',
    free: { name: 'list_models', args: {}, says: 'flux/schnell' },
    async run(call, id) {
      const once = () =>
        call('generate', { model: 'flux/schnell', input: { prompt: 'a fox' }, client_ref: id });
      return untilEnd(await once(), once, /polling_timeout/);
    },
    tellsProgress: true,
    wrong: { name: 'generate', args: { model: 'nope/nothing', input: {} }, says: 'list_models' },
  },
  runware: {
    server: 'runware',
    free: { name: 'list_models', args: {}, says: pictures },
    async run(call) {
      const first = await call('run', { model: pictures, positivePrompt: 'a fox' });
      const id = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(textOf(first))?.[0];
      return untilEnd(first, () => call('get_task_details', { taskUUID: id }), /goes on; nothing is lost/);
    },
    tellsProgress: true,
    wrong: { name: 'run', args: { model: 'nope:1@1', positivePrompt: 'a fox' }, says: 'model_search' },
  },
  modelrunner: {
    server: 'modelrunner',
    free: { name: 'list_models', args: {}, says: 'bytedance/sdxl-lightning-4step' },
    async run(call) {
      const endpoint = 'bytedance/sdxl-lightning-4step';
      const { structuredContent: sent } = await call('run_model', { endpoint, input: { prompt: 'a fox' } });
      const wait = () => call('wait_for_request', { requestId: sent?.requestId });
      return untilEnd(await wait(), wait, /The request goes on/);
    },
    tellsProgress: true,
    wrong: { name: 'get_request', args: { requestId: 'nothing' }, says: 'list_my_requests' },
  },
  runpod: { ...runpod, wrong: { name: 'get-job-status', args: { endpointId: 'ep1' }, says: 'jobId' } },
  'runpod-4': { ...runpod, wrong: { name: 'get-job-status', args: { endpointId: 'ep1' }, says: 'jobId' } },
};

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

function textOf({ content }: Answer): string {
  return content
    .flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
    .join('\n');
}

/** Names of tools that a client of this mount cannot call; those of one plain word are words too. */
function foreignNames(key: string): string[] {
  const own = new Set(profileOf(key)?.tools.map(({ name }) => name));
  const all = new Set(profiles.flatMap(({ tools }) => tools.map(({ name }) => name)));
  return [...all].filter((name) => /[_-]/.test(name) && !own.has(name));
}

function foreignIn(key: string, text: string): string[] {
  return foreignNames(key).filter((name) => new RegExp(`(?<![\\w/-])${name}(?![\\w-])`).test(text));
}

const validator = new AjvJsonSchemaValidator();

/** What is wrong with an answer for whoever reads the list of tools. */
function faultsOf(met: Met, name: string, { structuredContent }: Answer): string[] {
  const schema = met.tools.find((tool) => tool.name === name)?.outputSchema;
  if (!isObject(schema))
    return structuredContent?.error === undefined && structuredContent ? ['a structure'] : [];
  if (structuredContent === undefined) return ['no structure'];
  const { valid, errorMessage } = validator.getValidator(schema)(structuredContent);
  return valid ? [] : [errorMessage];
}

async function meet(key: string, met: Met, id: string): Promise<void> {
  const { server, free, run, tellsProgress, wrong } = uses[key] ?? {};
  if (free === undefined || run === undefined || wrong === undefined) throw new Error(`no use of ${key}`);
  const said: string[] = [met.instructions];
  const progress: number[] = [];
  async function call(name: string, args: JsonObject): Promise<Answer> {
    const answer = await met.call(name, args, (at) => progress.push(at));
    said.push(textOf(answer), JSON.stringify(answer.structuredContent ?? {}));
    expect(faultsOf(met, name, answer), `${key}: ${name}`).toEqual([]);
    return answer;
  }

  expect(met.serverName).toBe(server);
  const expected = profileOf(key)?.tools.map(({ name }) => name) ?? [];
  const isWhole = key !== 'inferry';
  expect(met.tools.map(({ name }) => name)).toEqual(isWhole ? expected : expected.slice(0, 11));
  expect(textOf(await call(free.name, free.args))).toContain(free.says);

  const end = await run(call, id);
  expect(end.isError ?? false, textOf(end)).toBe(false);
  expect(textOf(end)).toMatch(/https?:\/\/|"COMPLETED"/);
  if (tellsProgress === true) expect(progress.length, key).toBeGreaterThan(0);
  expect(progress).toEqual(progress.toSorted((one, other) => one - other));

  const refused = await call(wrong.name, wrong.args);
  expect(refused.isError).toBe(true);
  expect(textOf(refused)).toContain(wrong.says);
  expect(
    said.flatMap((text) => foreignIn(key, text)),
    key,
  ).toEqual([]);
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
