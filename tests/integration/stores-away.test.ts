/** Services whose stores are away: they live and wait, from their start on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type LocalServer, startNats, startPostgres, startRedis, waitFor } from '@inferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const services = ['auth', 'catalog', 'inference-poller', 'upload', 'compute', 'mcp-gateway'] as const;
type ServiceName = (typeof services)[number];

let servers: { bus: LocalServer; limits: LocalServer; database: LocalServer };
let folder: string;
const children: ChildProcess[] = [];
const processes = new Map<ServiceName, { child: ChildProcess; port: number; log: string[] }>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-away-'));
  servers = {
    bus: await startNats(),
    limits: await startRedis({ password: 'right' }),
    database: await startPostgres({ password: 'right' }),
  };
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  await rm(folder, { recursive: true });
}, 60_000);

async function start(service: ServiceName, env: Record<string, string> = {}) {
  const port = await freePort();
  const main = join(import.meta.dirname, '../../services', service, 'src/main.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    env: {
      ...{ PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port), PROVIDERS: 'local' },
      ...{ NATS_URL: servers.bus.url, REDIS_URL: servers.limits.url, DATABASE_URL: servers.database.url },
      ...{ BLOBS_FOLDER: join(folder, 'blobs'), INFERRY_SECRET: 's'.repeat(32), INFERRY_AUTH: 'keys' },
      ...{ PUBLIC_URL: 'http://127.0.0.1:1', LOG_LEVEL: 'info', SHUTDOWN_GRACE_MS: '2000' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const log: string[] = [];
  child.stdout.on('data', (chunk) => void log.push(String(chunk)));
  const started = { child, port, log };
  processes.set(service, started);
  return started;
}

async function get(port: number, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  return { status: response?.status ?? 0, body: (await response?.text()) ?? '' };
}

const until = (check: () => Promise<boolean>, what: string) =>
  waitFor(check, { timeoutMs: 40_000, everyMs: 100, what });

describe('a service', () => {
  it('waits for its stores at the start, lives meanwhile, and is ready once they are there', async () => {
    await Promise.all(Object.values(servers).map((server) => server.kill()));
    for (const service of services) await start(service);

    for (const [service, { port }] of processes) {
      await until(async () => (await get(port, '/healthz')).status === 200, `${service} to live`);
      // These two keep nothing.
      const first = service === 'mcp-gateway' || service === 'compute' ? 'bus' : 'database';
      await until(async () => (await get(port, '/readyz')).body.includes(`"${first}"`), `${service} to wait`);
      expect((await get(port, '/readyz')).status).toBe(503);
    }
    await servers.database.restart();
    await servers.limits.restart();
    await servers.bus.restart();
    for (const [service, { port, child }] of processes) {
      await until(async () => (await get(port, '/readyz')).status === 200, `${service} to be ready`);
      expect(child.exitCode).toBeNull();
    }
  }, 120_000);

  it.each([
    { service: 'auth', variable: 'DATABASE_URL', sentence: 'refuses the user name or the password' },
    { service: 'mcp-gateway', variable: 'REDIS_URL', sentence: 'refuses the credentials' },
  ] as const)(
    'of $service ends with a sentence when $variable is refused',
    async ({ service, variable, sentence }) => {
      const { url } = variable === 'DATABASE_URL' ? servers.database : servers.limits;
      const { child, log } = await start(service, { [variable]: url.replace('right', 'wrong') });

      expect(await once(child, 'exit')).toEqual([2, null]);
      const last = log.join('').trim().split('\n').at(-1) ?? '';
      expect(last).toContain(variable);
      expect(last).toContain(sentence);
      expect(last).not.toContain('wrong');
      expect(last).not.toContain('"stack"');
    },
    30_000,
  );
});
