import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import {
  createTcpProxy,
  type LocalServer,
  startNats,
  startPostgres,
  startRedis,
  waitFor,
} from '@inferry/testing';
import { afterEach, describe, expect, it } from 'vitest';

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.stop()));
});

const launchers: [string, () => Promise<LocalServer>][] = [
  ['nats', startNats],
  ['redis', startRedis],
  ['postgres', startPostgres],
];

describe.each(launchers)('start of %s', (_name, start) => {
  it('comes back on the same port after a kill', async () => {
    const server = await start();
    opened.push(server);
    const before = { port: server.port, pid: server.pid };

    await server.kill();
    const isDead = !(await accepts(server.port));
    await server.restart();

    expect(isDead).toBe(true);
    expect(server.port).toBe(before.port);
    expect(server.pid).not.toBe(before.pid);
    expect(await accepts(server.port)).toBe(true);
  });

  it('has no process any more once it is stopped', async () => {
    const server = await start();
    const { pid } = server;

    await server.stop();

    expect(isAlive(pid)).toBe(false);
  });
});

it('ends the servers and removes their data when the process that started them is killed', async () => {
  const script = `
    import { startRedis } from '@inferry/testing';
    const server = await startRedis();
    const { execFileSync } = await import('node:child_process');
    const folder = execFileSync('readlink', ['/proc/' + server.pid + '/cwd']).toString().trim();
    console.log(JSON.stringify({ port: server.port, folder }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname });
  const [line] = await once(child.stdout, 'data');
  // The script above printed exactly this.
  const { port, folder } = JSON.parse(String(line)) as { port: number; folder: string };

  child.kill('SIGKILL');

  await waitFor(async () => !existsSync(folder) && !(await accepts(port)), { what: 'the server to end' });
});

it('answers again after a pause', async () => {
  const server = await startRedis();
  opened.push(server);

  await server.pause();
  const whilePaused = await ask(server.port, 300);
  await server.resume();

  expect(whilePaused).toBeUndefined();
  expect(await ask(server.port, 2_000)).toBe('+PONG\r\n');
});

describe('the TCP proxy', () => {
  it('passes, delays, swallows and passes again', async () => {
    const server = await startRedis();
    const proxy = await createTcpProxy({ port: server.port });
    opened.push({ stop: () => proxy.close() }, server);

    const plain = await ask(proxy.port, 2_000);
    proxy.latency(100);
    const startedAt = performance.now();
    const late = await ask(proxy.port, 2_000);
    const tookMs = performance.now() - startedAt;
    proxy.blackhole();
    const lost = await ask(proxy.port, 200);
    proxy.restore();

    expect([plain, late, lost]).toEqual(['+PONG\r\n', '+PONG\r\n', undefined]);
    expect(tookMs).toBeGreaterThan(190);
    expect(await ask(proxy.port, 2_000)).toBe('+PONG\r\n');
  });

  it('resets open connections', async () => {
    const server = await startRedis();
    const proxy = await createTcpProxy({ port: server.port });
    opened.push({ stop: () => proxy.close() }, server);
    const socket = connect(proxy.port, '127.0.0.1');
    socket.write('PING\r\n');
    await once(socket, 'data');
    const failed = once(socket, 'error');

    proxy.reset();

    expect(String((await failed)[0])).toContain('ECONNRESET');
  });
});

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

async function ask(port: number, timeoutMs: number): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
  const answer = await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) }).then(
    ([data]) => String(data),
    () => undefined,
  );
  socket.destroy();
  return answer;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
