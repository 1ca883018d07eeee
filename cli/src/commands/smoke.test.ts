/** The smoke commands against a started system with the emulated platform and its console. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextOf, TestBrowser } from '@inferry/auth/oauth-testing';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorVariables,
  openRunpodConsole,
  type RunpodConsole,
  runpodEmulator,
  startEmulators,
} from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { parseStartConfig } from '../config.ts';
import { type EmbeddedSystem, startEmbedded } from '../embedded.ts';
import { smoke } from './smoke.ts';

let emulators: Emulators;
let site: RunpodConsole;
let system: EmbeddedSystem;
let folder: string;
let url: string;
let env: Record<string, string>;
let said = '';

beforeAll(async () => {
  emulators = await startEmulators({ definitions: [runpodEmulator], now: Date.now });
  site = await openRunpodConsole({ mint: () => emulators.of('runpod').keys.valid });
  folder = await mkdtemp(join(tmpdir(), 'inferry-smoke-'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const { RUNPOD_API_KEY: _, ...platforms } = emulatorVariables(emulators);
  const system_ = {
    ...{ ...platforms, ...site.env, PROVIDERS: 'runpod', INFERRY_HOME: join(folder, 'http') },
    ...{ INFERRY_AUTH: 'oauth', PUBLIC_URL: url, PORT: String(port), LOG_LEVEL: 'fatal' },
  };
  system = await startEmbedded(parseStartConfig(system_), system_);
  env = { RUNPOD_API_KEY: emulators.of('runpod').keys.valid };
}, 60_000);
afterAll(async () => {
  await system?.close(2_000);
  await site?.close();
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  emulators.of('runpod').reset();
});

/** What the emulated platform still has of it. */
function left(): string[] {
  const stores = [...emulators.of('runpod').resources.values()];
  const names = stores.flatMap((store) => [...store.values()].map(({ name }) => String(name)));
  return names.filter((name) => name.startsWith('inferry-smoke'));
}

const stores = new Map<string, Map<string, Record<string, unknown>>>();
/** A store that deletes nothing, whatever it is told. */
function stubborn(kind: string): Map<string, Record<string, unknown>> {
  const known = stores.get(kind) ?? new Map();
  known.delete = () => true;
  stores.set(kind, known);
  return known;
}

function run(...args: string[]): Promise<number> {
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  return smoke(args, env);
}

it('reads a public catalogue and the caller’s own over HTTP, with a key of theirs [RP-10][RP-45]', async () => {
  const code = await run('http', '--url', `${url}/mcp/runpod`);

  expect([code, said]).toEqual([
    0,
    expect.stringMatching(/54 tools\nlist-hub-repos: answers\nlist-pods: answers/),
  ]);
});

it('is 1 where a key is not taken, which is told before any call [RP-44][RPB-06]', async () => {
  env = { RUNPOD_API_KEY: emulators.of('runpod').keys.revoked };
  const code = await run('http', '--url', `${url}/mcp/runpod`);
  env = { RUNPOD_API_KEY: emulators.of('runpod').keys.valid };

  expect([code, said]).toEqual([1, expect.stringContaining('failed:')]);
});

it.each(['runpod', 'runpod-4'])(
  'makes, reads and deletes what costs nothing: %s [RP-57]',
  async (profile) => {
    const code = await run('crud', '--url', `${url}/mcp/${profile}`);

    expect([code, said.match(/: it is gone/g)?.length]).toEqual([0, 2]);
    expect(left()).toEqual([]);
  },
);

it('deletes what was made although its reply was lost [RP-57]', async () => {
  const platform = emulators.of('runpod');
  platform.script({ on: ['submit'], dropReplyAfterAccept: true });
  const code = await run('crud', '--url', `${url}/mcp/runpod`);

  expect(platform.requests.filter(({ kind }) => kind === 'submit')).toHaveLength(1);
  expect([code, left()]).toEqual([1, []]);
});

it('tells of what it could not delete [RP-57]', async () => {
  const platform = emulators.of('runpod');
  vi.spyOn(platform.resources, 'get').mockImplementation((kind) => stubborn(kind));
  const code = await run('crud', '--url', `${url}/mcp/runpod`);
  vi.restoreAllMocks();

  expect([code, said]).toEqual([2, expect.stringMatching(/STILL THERE, delete it by hand: template \S+/)]);
});

it('walks the sign-in: documents, registration, the console, tokens that count once [RP-25][RP-41]', async () => {
  const ended = run('oauth', '--url', `${url}/mcp/runpod`);
  await expect.poll(() => said).toMatch(/approve: (\S+)/);
  const [, address = ''] = /approve: (\S+)/.exec(said) ?? [];
  const browser = new TestBrowser(url);
  const consent = await browser.open(address);
  const away = await browser.submit(consent, { decision: 'allow', scope: ['models:read', 'infra'] });
  const decide = `${site.url}/decide${new URL(away.location ?? '').search}&decision=approve`;
  const approved = await fetch(decide, { redirect: 'manual' });
  await fetch(nextOf(await browser.open(approved.headers.get('location') ?? '')));

  expect([await ended, said]).toEqual([0, expect.stringContaining('the code counts once')]);
});

it('starts the system for itself over stdio, whose key goes to the platform [RP-14][RP-47]', async () => {
  env = { ...emulatorVariables(emulators), PROVIDERS: 'runpod', INFERRY_HOME: join(folder, 'stdio') };
  const code = await run('stdio', '--profile', 'runpod');

  expect([code, said]).toEqual([0, expect.stringContaining('list-pods: answers')]);
});
