import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { nextOf, TestBrowser } from '@inferry/auth/oauth-testing';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import { type Emulators, emulatorVariables, falEmulator, startEmulators } from '@inferry/testing/emulators';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let emulators: Emulators;
let system: EmbeddedSystem;
let folder: string;
let url: string;
/** How often the bridge asked for a browser. */
const opened: string[] = [];

beforeAll(async () => {
  emulators = await startEmulators({ definitions: [falEmulator], now: Date.now });
  folder = await mkdtemp(join(tmpdir(), 'inferry-bridge-'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const env = {
    ...emulatorVariables(emulators),
    PROVIDERS: 'local,fal',
    INFERRY_HOME: join(folder, 'home'),
    INFERRY_AUTH: 'oauth',
    AUTH_DRIVERS: 'apikey',
    PUBLIC_URL: url,
    PORT: String(port),
    LOG_LEVEL: 'fatal',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  // Nothing opens: the address is read from what the bridge prints.
  await mkdir(join(folder, 'bin'));
  for (const name of ['xdg-open', 'open']) {
    const file = join(folder, 'bin', name);
    await writeFile(file, '#!/bin/sh\nexit 0\n');
    await chmod(file, 0o755);
  }
}, 120_000);

afterAll(async () => {
  await system?.close(5_000);
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** A client over stdio behind the bridge, which signs in when it is asked to. */
async function connect(): Promise<Client> {
  const client = new Client(
    { name: 'inferry-tests', version: '1.0.0' },
    { versionNegotiation: { mode: 'legacy' } },
  );
  const bridge = join(
    dirname(createRequire(import.meta.url).resolve('mcp-remote/package.json')),
    'dist',
    'proxy.js',
  );
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bridge, `${url}/mcp`, String(await freePort()), '--allow-http'],
    env: {
      PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
      HOME: folder,
      MCP_REMOTE_CONFIG_DIR: join(folder, 'tokens'),
    },
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    const [address] = /http:\/\/127\.0\.0\.1:\d+\/oauth\/authorize\?\S+(?=\s)/.exec(said) ?? [];
    // It prints the address before it listens for what comes back.
    if (address === undefined || !said.includes('callback server running')) return;
    said = '';
    opened.push(address);
    signIn(address).catch((error: unknown) => opened.push(String(error)));
  });
  await client.connect(transport);
  return client;
}

/** What the person does in the browser: allows the client, and pastes a key. */
async function signIn(address: string): Promise<void> {
  const browser = new TestBrowser(url);
  const scope = ['models:read', 'runs:read', 'runs:write', 'account:read'];
  const page = await browser.submit(await browser.open(address), { decision: 'allow', scope });
  const key = emulators.of('fal').keys.valid;
  const end = await browser.submit(page, { driver: 'apikey', provider: 'fal', key });
  await fetch(nextOf(end));
}

describe('mcp-remote [RW-07][RW-12]', () => {
  it('registers, has its user sign in, calls a tool, and remembers its tokens', async () => {
    const first = await connect();
    const answer = await first.callTool({ name: 'get_account', arguments: { sections: ['identity'] } });
    await first.close();

    expect(answer.isError ?? false).toBe(false);
    expect(JSON.stringify(answer.structuredContent)).toContain('subject');
    expect(opened).toHaveLength(1);

    const again = await connect();
    const { tools } = await again.listTools();
    await again.close();

    expect(tools.map(({ name }) => name)).toContain('run_model');
    expect(opened).toHaveLength(1);
  });
});
