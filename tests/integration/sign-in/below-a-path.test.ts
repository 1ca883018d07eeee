// Holds that a deployment below a path of a host that others share works behind real proxies: every address that a browser
// or a client is led to carries the path.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ScriptedApplication } from '@inferry/auth/oauth-testing';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort, frontCertificate, type LocalServer, startFrontProxy } from '@inferry/testing';
import { type Emulators, emulatorVariables, falEmulator, startEmulators } from '@inferry/testing/emulators';
import { auth, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { auth as authOfBefore } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, openPerson } from './browser.ts';

let browser: Browser;
let emulators: Emulators;
let folder: string;
let page: Page;
/** Every address that the browser asked for. */
let visited: string[];

beforeAll(async () => {
  setDefaultCACertificates([...getCACertificates('default'), frontCertificate.cert]);
  browser = await launchBrowser();
  emulators = await startEmulators({ definitions: [falEmulator], now: Date.now });
  folder = await mkdtemp(join(tmpdir(), 'inferry-path-'));
  await writeFile(join(folder, 'cert.pem'), frontCertificate.cert);
  // Nothing opens: the address is read from what the bridge prints.
  await mkdir(join(folder, 'bin'));
  for (const name of ['xdg-open', 'open']) {
    await writeFile(join(folder, 'bin', name), '#!/bin/sh\nexit 0\n');
    await chmod(join(folder, 'bin', name), 0o755);
  }
}, launchTimeoutMs);
afterAll(async () => {
  await browser?.close();
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  visited = [];
  page = await openPerson(browser, { ignoreHTTPSErrors: true });
  page.on('request', (request) => void visited.push(request.url()));
});
afterEach(() => page.context().close());

/** What the person does: allows the client, pastes a key, and is back at the client. */
async function signIn(address: string, isBack: RegExp): Promise<URL> {
  await page.goto(address);
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.getByLabel('API key').fill(emulators.of('fal').keys.valid);
  const back = page.waitForRequest(isBack);
  await page.getByRole('button', { name: 'Connect' }).click();
  return new URL((await back).url());
}

/** Below the path, or back at the client. */
function isBelow(url: string, base: string): boolean {
  return url.startsWith(`${base}/`) || url.startsWith('http://127.0.0.1:43110/');
}

/** An application of either SDK whose person has a real browser. */
class Application extends ScriptedApplication {
  override async redirectToAuthorization(url: URL): Promise<void> {
    await page.route('http://127.0.0.1:43110/**', (route) => route.fulfill({ body: 'back' }));
    this.callback = await signIn(url.href, /^http:\/\/127\.0\.0\.1:43110\//);
  }
}

describe.each(['nginx', 'caddy'] as const)('below a path behind %s', (kind) => {
  let proxy: LocalServer;
  let system: EmbeddedSystem;

  beforeAll(async () => {
    const upstream = await freePort();
    proxy = await startFrontProxy(kind, { upstream, path: '/ai' });
    const env = {
      ...emulatorVariables(emulators),
      PROVIDERS: 'fal',
      INFERRY_HOME: join(folder, kind),
      INFERRY_AUTH: 'oauth',
      AUTH_DRIVERS: 'apikey',
      PUBLIC_URL: proxy.url,
      PORT: String(upstream),
      TRUSTED_PROXIES: '127.0.0.1',
      LOG_LEVEL: 'fatal',
    };
    system = await startEmbedded(parseStartConfig(env), env);
  }, launchTimeoutMs);
  afterAll(async () => {
    await system?.close(5_000);
    await proxy?.stop();
  }, 60_000);

  it.each(['/mcp', '/'])(
    'SDK v2 signs in with a browser at %s, and every address and cookie is below the path [X2]',
    async (mount) => {
      const application = new Application(proxy.url);
      const serverUrl = `${proxy.url}${mount}`;

      const first = await auth(application, { serverUrl });
      const answer = application.callback?.searchParams;
      const [code = '', iss = ''] = [answer?.get('code') ?? '', answer?.get('iss') ?? ''];
      const second = await auth(application, { serverUrl, authorizationCode: code, iss });
      const client = new Client({ name: 'tests', version: '1' });
      await client.connect(
        new StreamableHTTPClientTransport(new URL(serverUrl), { authProvider: application }),
      );
      const { tools } = await client.listTools();
      await client.close();
      const cookies = await page.context().cookies();

      expect([first, second]).toEqual(['REDIRECT', 'AUTHORIZED']);
      expect(tools.map(({ name }) => name)).toContain('run_model');
      expect(iss).toBe(proxy.url);
      expect(visited.filter((url) => !isBelow(url, proxy.url))).toEqual([]);
      expect(cookies.map(({ path, secure }) => [path, secure])).toEqual(cookies.map(() => ['/ai', true]));
      expect(cookies.length).toBeGreaterThan(0);
    },
  );

  it('SDK v1 signs in', async () => {
    const application = new Application(proxy.url);
    const serverUrl = `${proxy.url}/mcp`;

    await authOfBefore(application, { serverUrl });
    const authorizationCode = application.callback?.searchParams.get('code') ?? '';
    await authOfBefore(application, { serverUrl, authorizationCode });
    const client = new OldClient({ name: 'tests', version: '1' });
    const transport = new OldTransport(new URL(serverUrl), { authProvider: application });
    // as: the SDK's own transport; its optional fields are typed without `undefined`.
    await client.connect(transport as Parameters<OldClient['connect']>[0]);
    const { tools } = await client.listTools();
    await client.close();

    expect(tools.map(({ name }) => name)).toContain('run_model');
  });

  it('mcp-remote signs in', async () => {
    const bridge = dirname(createRequire(import.meta.url).resolve('mcp-remote/package.json'));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(bridge, 'dist', 'proxy.js'), `${proxy.url}/mcp`, String(await freePort())],
      env: {
        PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
        HOME: folder,
        MCP_REMOTE_CONFIG_DIR: join(folder, `tokens-${kind}`),
        NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
      },
      stderr: 'pipe',
    });
    let said = '';
    const failures: unknown[] = [];
    transport.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [address] = /https:\/\/localhost:\d+\/ai\/oauth\/authorize\?\S+(?=\s)/.exec(said) ?? [];
      // It prints the address before it listens for what comes back.
      if (address === undefined || !said.includes('callback server running')) return;
      said = '';
      signIn(address, /^http:\/\/(localhost|127\.0\.0\.1):\d+\/oauth\/callback/).catch((error: unknown) =>
        failures.push(error),
      );
    });
    const client = new Client({ name: 'tests', version: '1' }, { versionNegotiation: { mode: 'legacy' } });

    await client.connect(transport);
    const { tools } = await client.listTools();
    await client.close();

    expect(failures).toEqual([]);
    expect(tools.map(({ name }) => name)).toContain('run_model');
  });
});
