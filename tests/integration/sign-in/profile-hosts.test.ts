// Holds that people sign in with a browser where a profile is: at a host of its own with its root, at its path by every name
// of this computer, and at a server from a file; each token opens the mount that it is for, with the key that was pasted.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScriptedApplication } from '@inferry/auth/oauth-testing';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorVariables,
  runwareEmulator,
  startEmulators,
} from '@inferry/testing/emulators';
import { auth, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { auth as authOfBefore } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, openPerson } from './browser.ts';

const modelFile = 'title: Acme\ntools:\n  get_account: { name: who_am_i }\n';

let browser: Browser;
let emulators: Emulators;
let folder: string;
let system: EmbeddedSystem;
let port: number;
/** The deployment, by the name that it has not got, and the host that is the profile's. */
let origin: string;
let host: string;

beforeAll(async () => {
  browser = await launchBrowser();
  emulators = await startEmulators({ definitions: [runwareEmulator], now: Date.now });
  folder = await mkdtemp(join(tmpdir(), 'inferry-profile-hosts-'));
  await writeFile(join(folder, 'acme.yaml'), modelFile);
  port = await freePort();
  [origin, host] = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
}, launchTimeoutMs);
afterAll(async () => {
  await browser?.close();
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(name: string, env: Record<string, string>): Promise<void> {
  const { RUNWARE_API_KEY: _none, ...variables } = emulatorVariables(emulators) as Record<string, string>;
  const all = {
    ...variables,
    ...{ PROVIDERS: 'runware', PROFILES: 'runware', PROFILES_FOLDER: folder },
    ...{ INFERRY_AUTH: 'oauth', AUTH_DRIVERS: 'apikey', PORT: String(port), LOG_LEVEL: 'fatal' },
    INFERRY_HOME: join(folder, name),
    ...env,
  };
  system = await startEmbedded(parseStartConfig(all), all);
}

/** What the person does: pastes the key into the form that asks who connects, and is back at the client. */
async function signIn(address: string, key: string): Promise<URL> {
  // Somebody else each time.
  const page = await openPerson(browser);
  await page.route('http://127.0.0.1:43110/**', (route) => route.fulfill({ body: 'back' }));
  await page.goto(address);
  const back = page.waitForRequest(/^http:\/\/127\.0\.0\.1:43110\//);
  if ((await page.getByLabel('API key').count()) === 0)
    await page.getByRole('button', { name: 'Allow' }).click();
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: /^(Allow|Connect)$/ }).click();
  const url = new URL((await back).url());
  await page.context().close();
  return url;
}

/** An application of either SDK whose person has a real browser, and this key. */
class Application extends ScriptedApplication {
  readonly #key: string;
  /** Where the person was led to. */
  address: URL | undefined;

  constructor(key: string) {
    super(origin);
    this.#key = key;
  }

  override async redirectToAuthorization(url: URL): Promise<void> {
    this.address = url;
    this.callback = await signIn(url.href, this.#key);
  }
}

async function connect(serverUrl: string, key = emulators.of('runware').keys.valid) {
  const application = new Application(key);
  await auth(application, { serverUrl });
  const answer = application.callback?.searchParams;
  const [authorizationCode = '', iss = ''] = [answer?.get('code') ?? '', answer?.get('iss') ?? ''];
  const end = await auth(application, { serverUrl, authorizationCode, iss });
  const client = new Client({ name: 'tests', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(serverUrl), { authProvider: application }));
  return { application, client, end, iss };
}

async function connectBefore(serverUrl: string): Promise<OldClient> {
  const application = new Application(emulators.of('runware').keys.valid);
  await authOfBefore(application, { serverUrl });
  const authorizationCode = application.callback?.searchParams.get('code') ?? '';
  await authOfBefore(application, { serverUrl, authorizationCode });
  const client = new OldClient({ name: 'tests', version: '1' });
  const transport = new OldTransport(new URL(serverUrl), { authProvider: application });
  // as: the SDK's own transport; its optional fields are typed without `undefined`.
  await client.connect(transport as Parameters<OldClient['connect']>[0]);
  return client;
}

const statusOf = async (url: string, token: string | undefined) => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
  return (await fetch(url, { method: 'POST', headers, body })).status;
};

/** The key with which the platform was asked last. */
const lastKey = () =>
  emulators.of('runware').requests.findLast(({ base }) => base === 'api')?.headers.authorization;

describe('at a host of its own', () => {
  beforeAll(() => start('host', { PUBLIC_URL: origin, PROFILE_HOSTS: `localhost:${port}=runware` }), 60_000);
  afterAll(() => system?.close(2_000), 60_000);

  it.each(['', '/', '/mcp', '/mcp/'])(
    'signs in at its root or path %j, where the key is asked for, and finds that key by the token [RW-01][RW-40][RW-42][RW-43]',
    async (path) => {
      const { application, client, end, iss } = await connect(`${host}${path}`);

      const { tools } = await client.listTools();
      const account = await client.callTool({ name: 'account', arguments: { operation: 'getDetails' } });
      const server = client.getServerVersion()?.name;
      await client.close();

      expect([end, iss, server]).toEqual(['AUTHORIZED', host, 'runware']);
      expect(application.address?.origin).toBe(host);
      expect(tools).toHaveLength(12);
      expect(account.isError ?? false).toBe(false);
      expect(lastKey()).toBe(`Bearer ${emulators.of('runware').keys.valid}`);
      expect(JSON.stringify(application.saved)).not.toContain(emulators.of('runware').keys.valid);
    },
  );

  it('shows the form for the key at /authorize [RW-41]', async () => {
    const { application } = await connect(`${host}/`);
    const query = application.address?.search ?? '';
    const page = await openPerson(browser);

    await page.goto(`${host}/authorize${query}`);

    expect(new URL(page.url()).origin).toBe(host);
    expect(await page.getByLabel('Runware API key').count()).toBe(1);
    await page.context().close();
  });

  it('goes on with the key of whoever connects again with a fresh one [RW-52]', async () => {
    const fresh = emulators.of('runware').keys.broke;
    const first = await connect(`${host}/`);
    await first.client.close();

    const second = await connect(`${host}/`, fresh);
    await second.client.callTool({ name: 'account', arguments: { operation: 'getDetails' } });
    await second.client.close();

    expect(lastKey()).toBe(`Bearer ${fresh}`);
  });
});

describe('at its path', () => {
  beforeAll(() => start('path', { PUBLIC_URL: host }), 60_000);
  afterAll(() => system?.close(2_000), 60_000);

  it.each([
    ['localhost', '/mcp/runware'],
    ['localhost', '/mcp/runware/'],
    ['127.0.0.1', '/mcp/runware'],
    ['127.0.0.1', '/mcp/runware/'],
  ])('both SDKs sign in by the name %s at %s', async (name, path) => {
    const serverUrl = `http://${name}:${port}${path}`;

    const now = await connect(serverUrl);
    const before = await connectBefore(serverUrl);
    const lists = [await now.client.listTools(), await before.listTools()];
    await now.client.close();
    await before.close();

    expect(lists.map(({ tools }) => tools.length)).toEqual([12, 12]);
  });

  it('a server from a file has a sign-in and tokens of its own', async () => {
    const { application, client } = await connect(`${host}/mcp/acme`);
    const { tools } = await client.listTools();
    const answer = await client.callTool({ name: 'who_am_i', arguments: {} });
    await client.close();
    const token = application.saved?.access_token;

    expect(tools.map(({ name }) => name)).toEqual(['who_am_i']);
    expect(answer.isError ?? false).toBe(false);
    expect(await statusOf(`${host}/mcp/acme`, token)).toBe(200);
    expect(await statusOf(`${host}/mcp/runware`, token)).toBe(401);
    expect(await statusOf(`${host}/mcp/acme`, 'of nobody')).toBe(401);
  });
});
