// Signing in with Runpod against the whole system: its mount, the emulated platform, and its console in a real browser, by an
// SDK and by mcp-remote.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ScriptedApplication } from '@inferry/auth/oauth-testing';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorVariables,
  openRunpodConsole,
  type RunpodConsole,
  runpodEmulator,
  startEmulators,
} from '@inferry/testing/emulators';
import { auth, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs, openPerson } from './browser.ts';

let browser: Browser;
let emulators: Emulators;
let site: RunpodConsole;
let folder: string;

beforeAll(async () => {
  browser = await launchBrowser();
  emulators = await startEmulators({ definitions: [runpodEmulator], now: Date.now });
  site = await openRunpodConsole({ mint: () => emulators.of('runpod').keys.valid });
  folder = await mkdtemp(join(tmpdir(), 'inferry-runpod-'));
  // Nothing opens: the address is read from what the bridge prints.
  await mkdir(join(folder, 'bin'));
  for (const name of ['xdg-open', 'open']) {
    await writeFile(join(folder, 'bin', name), '#!/bin/sh\nexit 0\n');
    await chmod(join(folder, 'bin', name), 0o755);
  }
}, launchTimeoutMs);
afterAll(async () => {
  await browser?.close();
  await site?.close();
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the person does: allows the client, ticks machines, and approves in the console. */
async function approve(page: Page, address: string): Promise<URL> {
  const isBack = /\/callback\?code=/;
  await page.goto(address);
  await page.locator('input[value="infra"]').check();
  await page.getByRole('button', { name: 'Allow' }).click();
  const back = page.waitForRequest(isBack);
  await page.getByRole('link', { name: 'Approve' }).click();
  return new URL((await back).url());
}

class Application extends ScriptedApplication {
  override async redirectToAuthorization(url: URL): Promise<void> {
    const page = await openPerson(browser);
    await page.route('http://127.0.0.1:43110/**', (route) => route.fulfill({ body: 'back' }));
    this.callback = await approve(page, url.href);
    await page.context().close();
  }
}

describe.each(['own', 'minted'] as const)('where clients get %s tokens', (tokens) => {
  let system: EmbeddedSystem;
  let url: string;
  let host: string;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    host = `http://localhost:${port}`;
    const { RUNPOD_API_KEY: _, ...platforms } = emulatorVariables(emulators);
    const env = {
      ...platforms,
      ...site.env,
      PROVIDERS: 'runpod',
      INFERRY_HOME: join(folder, tokens),
      INFERRY_AUTH: 'oauth',
      HANDOFF_TOKENS: tokens,
      PUBLIC_URL: url,
      PROFILE_HOSTS: `localhost:${port}=runpod`,
      PORT: String(port),
      LOG_LEVEL: 'fatal',
    };
    system = await startEmbedded(parseStartConfig(env), env);
  }, launchTimeoutMs);
  afterAll(() => system?.close(5_000), 60_000);

  it('an SDK signs in at the host of the mount, with a browser, and lists pods [RP-06][RP-09][RP-29][RP-31][RP-33][RP-34]', async () => {
    const application = new Application(host);
    const serverUrl = `${host}/`;

    const first = await auth(application, { serverUrl });
    const answer = application.callback?.searchParams;
    const [code = '', iss = ''] = [answer?.get('code') ?? '', answer?.get('iss') ?? ''];
    const second = await auth(application, { serverUrl, authorizationCode: code, iss });
    const client = new Client({ name: 'tests', version: '1' });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(serverUrl), { authProvider: application }),
    );
    const pods = await client.callTool({ name: 'list-pods', arguments: {} });
    await client.close();
    const response = await fetch(`${host}/.well-known/oauth-authorization-server`);
    const document: unknown = await response.json();

    expect([first, second]).toEqual(['REDIRECT', 'AUTHORIZED']);
    expect([pods.isError ?? false, JSON.stringify(pods.content)]).toEqual([
      false,
      expect.stringContaining('pagination'),
    ]);
    expect(document).toMatchObject({
      authorization_endpoint: `${host}/authorize`,
      token_endpoint: `${host}/token`,
      registration_endpoint: `${host}/register`,
      code_challenge_methods_supported: ['S256'],
    });
    const key = emulators.of('runpod').keys.valid;
    expect(application.saved?.access_token === key).toBe(tokens === 'minted');
    expect(application.saved?.refresh_token === undefined).toBe(tokens === 'minted');
  });

  it('mcp-remote signs in at the path of the mount [RP-19]', async () => {
    const bridge = dirname(createRequire(import.meta.url).resolve('mcp-remote/package.json'));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(bridge, 'dist', 'proxy.js'), `${url}/mcp/runpod`, String(await freePort()), '--allow-http'],
      env: {
        PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
        HOME: folder,
        MCP_REMOTE_CONFIG_DIR: join(folder, `tokens-${tokens}`),
      },
      stderr: 'pipe',
    });
    let said = '';
    const failures: unknown[] = [];
    transport.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [address] = /http:\/\/127\.0\.0\.1:\d+\/(?:oauth\/)?authorize\?\S+(?=\s)/.exec(said) ?? [];
      // It prints the address before it listens for what comes back.
      if (address === undefined || !said.includes('callback server running')) return;
      said = '';
      openPerson(browser)
        .then((page) => approve(page, address))
        .catch((error: unknown) => failures.push(error));
    });
    const client = new Client({ name: 'tests', version: '1' }, { versionNegotiation: { mode: 'legacy' } });

    await client.connect(transport);
    const types = await client.callTool({ name: 'list-gpu-types', arguments: { limit: 1 } });
    await client.close();

    expect(failures).toEqual([]);
    expect([types.isError ?? false, JSON.stringify(types.content)]).toEqual([
      false,
      expect.stringContaining('pagination'),
    ]);
  });
});
