// Holds that each profile is served to every kind of client alike, by one process and by two replicas behind a strict round
// robin, and that a replica that dies in the middle of a wait costs neither an answer nor a second run.
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Cluster,
  type EmbeddedSystem,
  parseStartConfig,
  startCluster,
  startEmbedded,
} from '@inferry/cli';
import { profiles } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  startEmulators,
} from '@inferry/testing/emulators';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Met, metBy, mountClients } from '../mount-clients.ts';
import { type Call, meet, textOf, uses } from '../mount-uses.ts';
import { commandLines } from './support/command-lines.ts';

const platforms = ['runflow', 'runware', 'modelrunner', 'runpod'];
const keys = profiles.map(({ key }) => key);

interface Served {
  emulators: Emulators;
  env: Record<string, string>;
  url: string;
}

let folder: string;
let cluster: Cluster;
let system: EmbeddedSystem;
const served: Record<string, Served> = {};

async function openPlatforms(): Promise<Omit<Served, 'url'>> {
  const definitions = emulatorDefinitions.filter(({ slug }) => platforms.includes(slug));
  const emulators = await startEmulators({ definitions, now: Date.now });
  const env = { ...emulatorVariables(emulators), PROVIDERS: platforms.join(), LOG_LEVEL: 'warn' };
  return { emulators, env: { ...env, INFERRY_EMULATORS: emulators.url } };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-profile-clients-'));
  const [one, many] = [await openPlatforms(), await openPlatforms()];
  const env = { ...one.env, INFERRY_HOME: folder, PORT: String(await freePort()), LOG_LEVEL: 'silent' };
  system = await startEmbedded(parseStartConfig(env), env);
  served['one process'] = { ...one, url: `http://127.0.0.1:${system.port}` };
  cluster = await startCluster({
    ...{ replicas: 2, auth: 'none', port: 0, onLine: () => undefined },
    env: { ...many.env, PATH: process.env.PATH },
  });
  await cluster.ready(90_000);
  served['two replicas'] = { ...many, url: cluster.url };
  for (const at of Object.values(served)) await untilListed(at);
}, 180_000);
afterAll(async () => {
  await cluster?.stop();
  await system?.close(2_000);
  for (const { emulators } of Object.values(served)) await emulators.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** Until every platform's models are there, at every replica. */
async function untilListed({ url }: Served): Promise<void> {
  const [plain] = Object.values(mountClients);
  for (const key of [...keys, ...keys]) {
    await vi.waitFor(
      async () => {
        const { free } = useOf(key);
        const met = await plain?.(urlOf(url, key));
        expect(textOf((await met?.call(free.name, free.args)) ?? { content: [] })).toContain(free.says);
      },
      { timeout: 60_000, interval: 200 },
    );
  }
}

function useOf(key: string) {
  const use = uses[key];
  if (use === undefined) throw new Error(`no use of ${key}`);
  return use;
}

function servedBy(name: string): Served {
  const found = served[name];
  if (found === undefined) throw new Error(`nothing is served by ${name}`);
  return found;
}

function urlOf(url: string, key: string): string {
  return key === 'inferry' ? `${url}/mcp` : `${url}/mcp/${key}`;
}

function script({ emulators }: Served, states: ('running' | 'succeeded')[]): void {
  for (const slug of platforms) emulators.of(slug).script({ states });
}

/** The bridge for clients that start a program. */
async function connectThroughRemote(url: string): Promise<Met> {
  const bridge = dirname(createRequire(import.meta.url).resolve('mcp-remote/package.json'));
  const client = new Client(
    { name: 'some-agent', version: '1.0.0' },
    { versionNegotiation: { mode: 'legacy' } },
  );
  const args = [join(bridge, 'dist', 'proxy.js'), url, '--allow-http'];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, stderr: 'ignore' }));
  return metBy(client);
}

describe.each(['one process', 'two replicas'])('by %s', (name) => {
  it('each profile is a server of its own to whichever client, through mcp-remote too [RW-03]', async () => {
    const at = servedBy(name);
    script(at, ['running', 'succeeded']);

    // One process meets the others in a test of its own, which needs no servers.
    const others = name === 'one process' ? {} : mountClients;
    const clients = Object.entries({ ...others, 'mcp-remote': connectThroughRemote });

    // Some at a time: calls that return at once have little patience with a machine that is busy.
    while (clients.length > 0) {
      await Promise.all(
        clients.splice(0, 2).flatMap(([client, connect]) =>
          keys.map(async (key) => {
            const one = await connect(urlOf(at.url, key));
            await meet(key, one, `${key} ${client}`);
            await one.close();
          }),
        ),
      );
    }
  }, 120_000);

  it('each profile answers the inspector, in one era here and in the other one there, and curl', async () => {
    const at = servedBy(name);
    const asked = keys.flatMap((key, index) => {
      const inspector = (index % 2 === 0) === (name === 'one process') ? 'legacy' : 'modern';
      return [`the inspector, ${inspector}`, 'curl'].map((client) => ({ key, client }));
    });

    // Some at a time: each is a process.
    while (asked.length > 0) {
      await Promise.all(
        asked.splice(0, 4).map(async ({ key, client }) => {
          const { free } = useOf(key);
          const commandLine = commandLines[client];
          const ended = await commandLine?.call(urlOf(at.url, key), free.name, free.args).ended;
          const said = ended === undefined ? {} : commandLine?.read(ended);
          expect([key, client, ended?.code]).toEqual([key, client, 0]);
          expect(JSON.stringify(said)).toContain(free.says);
        }),
      );
    }
  }, 120_000);
});

describe('a replica that is killed in the middle of a wait', () => {
  /** Clients of the older protocol go on with a stream that breaks; whoever begins anew does so with the same arguments. */
  const plain = 'plain JSON of 2026-07-28';
  const killed = ['SDK v1', 'SDK v2, legacy', plain];
  const waiting = keys.filter((key) => uses[key]?.tellsProgress);

  it('costs no profile its answer, and makes no second run', async () => {
    const at = servedBy('two replicas');
    script(at, ['running']);
    const before = new Map(platforms.map((slug) => [slug, jobsOf(at, slug).length]));
    const isSeen: Promise<void>[] = [];
    const answers = killed.flatMap((client) =>
      waiting.map(async (key) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        // Plain JSON is read once it is whole.
        if (client !== plain) isSeen.push(promise);
        const met = await mountClients[client]?.(urlOf(at.url, key));
        const again: Call = async (name, args) => {
          for (;;) {
            const answer = await met?.call(name, args, resolve as () => void).catch(() => undefined);
            if (answer !== undefined && !/is restarting|unavailable/.test(textOf(answer))) return answer;
          }
        };
        const end = await useOf(key).run(again, `killed ${key} ${client}`);
        await met?.close();
        return { key, client, text: textOf(end) };
      }),
    );
    await Promise.all(isSeen);
    // As many as there are to be, each known to its platform.
    await vi.waitFor(() => {
      const made = platforms.map((slug) => jobsOf(at, slug).length - (before.get(slug) ?? 0));
      expect(made.reduce((sum, count) => sum + count, 0)).toBe(killed.length * waiting.length);
    }, 30_000);

    // One after the other: whichever serves a wait is killed while the other one can go on.
    for (const gateway of cluster.of('mcp-gateway')) {
      gateway.kill('SIGKILL');
      await vi.waitFor(() => expect(gateway.isReady).toBe(false));
      await cluster.ready(30_000);
    }
    for (const slug of platforms) for (const job of jobsOf(at, slug)) job.state = 'succeeded';

    for (const { key, client, text } of await Promise.all(answers))
      expect([key, client, text]).toEqual([key, client, expect.stringMatching(/https?:\/\//)]);
    const runs = platforms.map((slug) => jobsOf(at, slug).length - (before.get(slug) ?? 0));
    expect(runs.reduce((sum, count) => sum + count, 0)).toBe(killed.length * waiting.length);
  }, 120_000);
});

function jobsOf({ emulators }: Served, slug: string) {
  return [...emulators.of(slug).jobs.values()];
}
