/** The whole product over stdio: a real process with real clients, its lines as they are, and the platforms' own variables. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { type Emulators, emulatorDefinitions, startEmulators } from '@inferry/testing/emulators';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
const info = { name: 'inferry-tests', version: '1.0.0' };
/** Of one fact: a start on a machine that does other work takes as long as it takes. */
const patience = { timeout: 90_000, interval: 50 };
/** Of one test, which waits for several of them. */
const limitMs = 300_000;
const slugs = ['runware', 'runflow', 'modelrunner', 'runpod'];
const speech = { model: 'local/speech', input: { text: 'Good morning.' }, wait_seconds: 30 };

let folder: string;
let emulators: Emulators;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-stdio-'));
  emulators = await startEmulators({
    definitions: emulatorDefinitions.filter(({ slug }) => slugs.includes(slug)),
    now: Date.now,
  });
});
afterAll(async () => {
  await emulators.close();
  await rm(folder, { recursive: true, force: true });
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
type Json = any;

interface ServerParts {
  profile?: string;
  args?: readonly string[];
  env?: Record<string, string>;
}

function serverOf({ profile, args = [], env = {} }: ServerParts = {}) {
  return {
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      main,
      'stdio',
      ...(profile ? ['--profile', profile] : []),
      ...args,
    ],
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      INFERRY_HOME: join(folder, 'home'),
      PROVIDERS: 'local',
      // What is on stderr then is said to people, however slow the machine is.
      LOG_LEVEL: 'silent',
      ...env,
    },
  };
}

function platformEnv(slug: string, key?: string): Record<string, string> {
  return {
    INFERRY_EMULATORS: emulators.url,
    PROVIDERS: slug,
    ...(key === undefined ? {} : { [`${slug.toUpperCase()}_API_KEY`]: key }),
  };
}

/** The process with its lines as they are. */
class Wire {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  out = '';
  err = '';
  #nextId = 1_000;

  constructor(parts?: ServerParts) {
    const { command, args, env } = serverOf(parts);
    this.child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdout.on('data', (chunk) => (this.out += String(chunk)));
    this.child.stderr.on('data', (chunk) => (this.err += String(chunk)));
    wires.push(this);
  }

  /** Every line of it is JSON, or this throws. */
  get messages(): Json[] {
    return this.out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  send(...messages: (string | object)[]): void {
    for (const message of messages)
      this.child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  }

  async answer(id: string | number | null): Promise<Json> {
    return await vi.waitFor(() => {
      const found = this.messages.find((message) => message.id === id && message.method === undefined);
      if (found === undefined) throw new Error(`no answer to ${id}: ${this.err}`);
      return found;
    }, patience);
  }

  async call(id: number, name: string, args: object = {}): Promise<Json> {
    this.send(rpc(id, 'tools/call', { name, arguments: args }));
    return await this.answer(id);
  }

  /** Asks again as long as the answer is an error: the models of a first start are being read. */
  async callUntilDone(name: string, args: object = {}): Promise<Json> {
    return await vi.waitFor(async () => {
      const { result } = await this.call(this.#nextId++, name, args);
      expect(result.isError ?? false, JSON.stringify(result)).toBe(false);
      return result.structuredContent;
    }, patience);
  }

  async end(): Promise<unknown> {
    const ended = once(this.child, 'close');
    this.child.stdin.end();
    return (await ended)[0];
  }
}

/** The models of a first start are being read. */
async function untilListed(ask: (params: { name: string; arguments: { model: string } }) => Promise<Json>) {
  await vi.waitFor(async () => {
    const answer = await ask({ name: 'get_model', arguments: { model: speech.model } });
    expect(answer.isError ?? false, JSON.stringify(answer)).toBe(false);
  }, patience);
}

const wires: Wire[] = [];
afterEach(() => {
  for (const { child } of wires.splice(0)) child.kill('SIGKILL');
});

const rpc = (id: number | string, method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const initialize = (version: string) =>
  rpc(1, 'initialize', { protocolVersion: version, capabilities: {}, clientInfo: info });

describe('over stdio', () => {
  it(
    'serves the clients of both generations at once, on one data folder [RP-11][RP-13][RP-59][MR-07]',
    async () => {
      const transport = new StdioClientTransport({ ...serverOf(), stderr: 'ignore' });
      const modern = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
      const legacy = new OldClient(info);
      const startedAt = performance.now();
      await Promise.all([
        modern.connect(transport).then(() => {
          process.stdout.write(`connected over stdio in ${Math.round(performance.now() - startedAt)} ms\n`);
        }),
        // as: the SDK's own transport; its optional fields are typed without `undefined`.
        legacy.connect(
          new OldTransport({ ...serverOf(), stderr: 'ignore' }) as Parameters<OldClient['connect']>[0],
        ),
      ]);

      const steps: number[] = [];
      const onprogress = ({ progress }: { progress: number }) => steps.push(progress);
      const lists = await Promise.all([modern.listTools(), legacy.listTools()]);
      await Promise.all([
        untilListed((asked) => modern.callTool(asked)),
        untilListed((asked) => legacy.callTool(asked)),
      ]);
      const runs: Json[] = await Promise.all([
        modern.callTool({ name: 'run_model', arguments: speech }, { onprogress, timeout: 60_000 }),
        legacy.callTool({ name: 'run_model', arguments: speech }, undefined, { onprogress, timeout: 60_000 }),
      ]);

      for (const { tools } of lists) expect(tools.map(({ name }) => name)).toContain('run_model');
      expect(steps.length).toBeGreaterThan(0);
      // What one process ran, the other knows: and the file has a link on this machine.
      const { run } = runs[0].structuredContent;
      const output = await vi.waitFor(async () => {
        const seen: Json = await legacy.callTool({ name: 'get_run', arguments: { run_id: run.run_id } });
        expect(seen.structuredContent.run.status).toBe('succeeded');
        return seen.structuredContent.run.outputs[0];
      }, patience);
      expect((await fetch(output.url)).status).toBe(200);
      const { pid } = transport;
      await Promise.all([modern.close(), legacy.close()]);
      await vi.waitFor(() => expect(() => process.kill(pid ?? 0, 0)).toThrow(), patience);
    },
    limitMs,
  );

  it(
    'says nothing but protocol, refuses what is no message, and ends with its client',
    async () => {
      const wire = new Wire();
      wire.send(
        initialize('2025-03-26'),
        'nonsense',
        `{"jsonrpc":"2.0","id":9,"x":"${'x'.repeat(1_100_000)}"}`,
        '',
      );
      wire.send(JSON.stringify(rpc(2, 'ping')).replace('"id":2', '"id":12345678901234567890'));
      wire.send([
        rpc(3, 'ping'),
        rpc('b', 'nothing'),
        { jsonrpc: '2.0', method: 'notifications/initialized' },
      ]);
      expect((await wire.answer(1)).result.protocolVersion).toBe('2025-03-26');
      expect((await wire.answer(null)).error.code).toBe(-32_700);
      expect((await wire.answer(9)).error.data.code).toBe('body_too_large');
      await vi.waitFor(() => expect(wire.out).toContain('"id":12345678901234567890'), patience);
      const batch = await vi.waitFor(() => {
        const found = wire.messages.find(Array.isArray);
        expect(found).toBeDefined();
        return found;
      }, patience);
      expect(batch).toMatchObject([
        { id: 3, result: {} },
        { id: 'b', error: { code: -32_601 } },
      ]);

      wire.send(rpc(4, 'tools/list'));
      expect(await wire.end()).toBe(0);

      // Asked before the end, answered before the end.
      expect((await wire.answer(4)).result.tools.length).toBeGreaterThan(5);
      expect(wire.err).toBe('');
    },
    limitMs,
  );

  it(
    'cancels a call of either era by a notification, and answers it no more',
    async () => {
      const runflow = emulators.of('runflow');
      runflow.script({ states: Array.from({ length: 500 }, () => 'running' as const) });
      const wire = new Wire({ env: platformEnv('runflow', runflow.keys.valid) });
      wire.send(initialize('2025-11-25'));
      await wire.answer(1);
      const model = 'runflow/flux/schnell';
      await wire.callUntilDone('get_model', { model });
      const params = (meta: object) => ({
        name: 'run_model',
        arguments: {
          model,
          input: { prompt: 'a fox' },
          wait_seconds: 50,
        },
        _meta: { progressToken: 'p', ...meta },
      });
      const envelope = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      };
      const progressed = (count: number) =>
        vi.waitFor(
          () =>
            expect(
              wire.messages.filter(({ method }) => method === 'notifications/progress').length,
            ).toBeGreaterThan(count),
          patience,
        );
      for (const [id, meta] of [
        [7, {}],
        [8, envelope],
      ] as const) {
        const before = wire.messages.filter(({ method }) => method === 'notifications/progress').length;
        wire.send(rpc(id, 'tools/call', params(meta)));
        await progressed(before);
        wire.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
      }
      wire.send(rpc(9, 'ping'));
      await wire.answer(9);

      expect(await wire.end()).toBe(0);

      // A call that is open at the end is answered with what there is: these were not open any more.
      expect(wire.messages.filter(({ id }) => id === 7 || id === 8)).toEqual([]);
    },
    limitMs,
  );
});

describe('a run over stdio', () => {
  it(
    'goes on at the platform when its client and its process are gone, and is found at the next start',
    async () => {
      const runflow = emulators.of('runflow');
      runflow.script({ states: ['running'] });
      const env = { ...platformEnv('runflow', runflow.keys.valid), INFERRY_HOME: join(folder, 'restarted') };
      const first = new Wire({ env });
      first.send(initialize('2025-11-25'));
      const args = { model: 'runflow/flux/schnell', input: { prompt: 'a fox' }, client_ref: 'fox' };
      const submits = () => runflow.requests.filter(({ method }) => method === 'POST').length;
      const before = submits();
      const { run } = await first.callUntilDone('run_model', { ...args, wait_seconds: 0 });
      // Running here: the platform has it, and its handle is kept.
      await vi.waitFor(async () => {
        const seen = await first.callUntilDone('get_run', { run_id: run.run_id });
        expect(seen.run.status, JSON.stringify(seen)).toBe('running');
      }, patience);
      expect(submits()).toBe(before + 1);
      // Nobody had time to hand anything over.
      const died = once(first.child, 'exit');
      first.child.kill('SIGKILL');
      await died;
      for (const job of runflow.jobs.values()) job.scenario = { states: ['succeeded'] };

      const second = new Wire({ env });
      second.send(initialize('2025-11-25'));
      const output = await vi.waitFor(async () => {
        const seen = await second.callUntilDone('get_run', {
          run_id: run.run_id,
          wait_seconds: 10,
        });
        expect(seen.run.status, JSON.stringify(seen)).toBe('succeeded');
        return seen.run.outputs[0];
      }, patience);

      expect((await fetch(output.url)).status).toBe(200);
      // The same reference is the same run, and was paid for once.
      const again = await second.callUntilDone('run_model', { ...args, wait_seconds: 0 });
      expect(again.run.run_id).toBe(run.run_id);
      expect(submits()).toBe(before + 1);
      expect(await second.end()).toBe(0);

      // Its file has a link of whichever process is asked.
      const third = new Wire({ env });
      third.send(initialize('2025-11-25'));
      const seen = await third.callUntilDone('get_run', { run_id: run.run_id });
      const { url } = seen.run.outputs[0];
      expect(url).not.toBe(output.url);
      expect((await fetch(url)).status).toBe(200);
      await third.end();
    },
    limitMs,
  );

  it(
    'leaves stdout to the protocol, whatever is logged, thrown or printed',
    async () => {
      const preload = `
      console.log('printed'); console.info('told'); process.stdout.write('written\\n');
      setTimeout(() => { console.log('late'); console.dir({ a: 1 }); console.table([1]); process.stdout.write('later\\n'); }, 300);
      process.emitWarning('a warning');`;
      const file = join(folder, 'hostile.mjs');
      await writeFile(file, `export const tools = []; setTimeout(() => {${preload}}, 0);`);
      const wire = new Wire({ env: { LOG_LEVEL: 'trace', INFERRY_EXTRA_TOOLS: file } });
      wire.send(initialize('2025-11-25'));
      await wire.answer(1);
      await wire.call(2, 'list_runs');
      await vi.waitFor(() => expect(wire.err).toContain('later'), patience);
      await wire.end();

      for (const message of wire.messages) expect(message.jsonrpc).toBe('2.0');
      for (const said of ['printed', 'told', 'written', 'late']) expect(wire.err).toContain(said);
    },
    limitMs,
  );
});

describe('files over stdio', () => {
  const roots = () => ({ roots: [{ uri: pathToFileURL(join(folder, 'project')).href, name: 'project' }] });

  async function connectModern(): Promise<Client> {
    const client = new Client(info, {
      capabilities: { roots: {} },
      versionNegotiation: { mode: { pin: '2026-07-28' } },
    });
    client.setRequestHandler('roots/list', async () => roots());
    await client.connect(new StdioClientTransport({ ...serverOf(), stderr: 'ignore' }));
    return client;
  }

  async function connectLegacy(): Promise<OldClient> {
    const client = new OldClient(info, { capabilities: { roots: {} } });
    client.setRequestHandler(ListRootsRequestSchema, async () => roots());
    // as: the SDK's own transport; its optional fields are typed without `undefined`.
    await client.connect(
      new OldTransport({ ...serverOf(), stderr: 'ignore' }) as Parameters<OldClient['connect']>[0],
    );
    return client;
  }

  it.each([
    ['2026-07-28', connectModern],
    ['2025-11-25', connectLegacy],
  ])(
    "are read and saved by their paths below the client's roots, in %s",
    async (version, connect) => {
      const project = join(folder, 'project');
      await mkdir(project, { recursive: true });
      await writeFile(join(folder, 'secret.txt'), 'secret');
      await symlink(join(folder, 'secret.txt'), join(project, `link-${version}.txt`));
      const client = await connect();
      const call = async (name: string, args: object): Promise<Json> =>
        (await client.callTool({ name, arguments: { ...args } })).structuredContent;

      await untilListed((asked) => client.callTool(asked));
      // A run's output is saved, and what was saved is the input of the next run: nothing is uploaded by anybody.
      const spoken = await call('run_model', speech);
      expect(spoken.run, JSON.stringify(spoken)).toBeDefined();
      const { saved } = await call('save_output', { run_id: spoken.run.run_id, path: `${version}/` });
      expect(saved).toEqual([{ path: expect.stringMatching(/\.wav$/), bytes: expect.any(Number) }]);
      expect((await stat(saved[0].path)).size).toBe(saved[0].bytes);
      const again = await call('save_output', { run_id: spoken.run.run_id, path: `${version}/` });
      expect(again.saved[0].path).toMatch(/-2\.wav$/);
      const cleaned = await call('run_model', {
        model: 'local/denoise',
        input: { audio: `@${relative(project, saved[0].path)}` },
        wait_seconds: 30,
      });
      expect(cleaned.run?.status, JSON.stringify(cleaned)).toBe('succeeded');

      await writeFile(join(project, 'note.txt'), 'A note.');
      const stored = await call('upload_file', { url: pathToFileURL(join(project, 'note.txt')).href });
      expect(await (await fetch(stored.file_url)).text()).toBe('A note.');
      for (const path of ['@../secret.txt', `@link-${version}.txt`, '@/etc/passwd']) {
        const refused = await call('upload_file', { url: path });
        expect(refused.error, path).toMatchObject({
          code: 'file_outside_roots',
          next_action: expect.stringContaining('--root'),
        });
      }
      await client.close();
    },
    limitMs,
  );

  it(
    'need folders: of the client, or of --root',
    async () => {
      const wire = new Wire();
      wire.send(initialize('2025-11-25'));
      const { result } = await wire.call(2, 'upload_file', { url: '@package.json' });
      expect(result.structuredContent.error.code).toBe('file_outside_roots');
      await wire.end();

      const other = new Wire({ args: ['--root', folder] });
      await writeFile(join(folder, 'note.txt'), 'A note.');
      other.send(initialize('2025-11-25'));
      const stored = (await other.call(2, 'upload_file', { url: '@note.txt' })).result.structuredContent;
      expect(stored.bytes).toBe(7);
      await other.end();
    },
    limitMs,
  );
});

describe('a profile over stdio', () => {
  it.each([
    { profile: 'runware', tool: 'account', args: { operation: 'getDetails' } },
    { profile: 'runflow', tool: 'list_models', args: {} },
    // Its list needs no key; that one is missing would be said on stderr.
    { profile: 'modelrunner', tool: 'list_models', args: {}, isOpen: true },
    { profile: 'runpod', tool: 'list-pods', args: {} },
  ])(
    'reads the key of its product and has its tools: $profile [RW-07][RW-36][RW-37][RP-14]',
    async ({ profile, tool, args, isOpen = false }) => {
      const { requests, keys } = emulators.of(profile);
      const wire = new Wire({ profile, env: platformEnv(profile, keys.valid) });
      wire.send(initialize('2025-06-18'), rpc(2, 'tools/list'));

      const { tools } = (await wire.answer(2)).result;

      expect(tools.map(({ name }: Json) => name)).toContain(tool);
      await wire.callUntilDone(tool, args);
      const isSent = requests.some(({ headers }) => JSON.stringify(headers).includes(keys.valid));
      expect(isSent || isOpen).toBe(true);
      expect(await wire.end()).toBe(0);
      expect(wire.err).toBe('');
    },
    limitMs,
  );

  it(
    'says on stderr and in its answers that a key is missing',
    async () => {
      const wire = new Wire({ profile: 'runware', env: platformEnv('runware') });
      wire.send(initialize('2025-06-18'));
      await wire.answer(1);

      const { result } = await wire.call(2, 'account', { operation: 'getDetails' });

      expect(result.isError).toBe(true);
      expect(JSON.stringify(result)).toMatch(/key/i);
      await vi.waitFor(
        () => expect(wire.err).toMatch(/^No key of Runware is set: .*RUNWARE_API_KEY.*\n$/),
        patience,
      );
    },
    limitMs,
  );

  it(
    'tells a client that has begun, and a person, that the configuration is wrong',
    async () => {
      const wire = new Wire({ env: { ...platformEnv('runware'), MAX_OPEN_RUNS: 'many' } });
      wire.send(initialize('2025-06-18'), rpc(2, 'tools/call', { name: 'list_runs', arguments: {} }));
      const [code] = await once(wire.child, 'close');

      expect((await wire.answer(1)).result.serverInfo.name).toBe('inferry');
      expect((await wire.answer(2)).result.structuredContent.error.code).toBe('unavailable');
      expect([code, wire.err]).toEqual([2, expect.stringContaining('MAX_OPEN_RUNS')]);
    },
    limitMs,
  );

  it(
    'names the profiles where there is none of that name',
    async () => {
      const wire = new Wire({ profile: 'nonsense' });
      const [code] = await once(wire.child, 'close');
      expect([code, wire.out]).toEqual([2, '']);
      expect(wire.err).toContain('runware');
    },
    limitMs,
  );
});
