import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireBinary } from './binaries.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';
import { isRedisReady } from './probes.ts';

/** A Redis server of this machine, on loopback; it keeps nothing over a restart. */
export async function startRedis({ password }: { password?: string } = {}): Promise<LocalServer> {
  const program = await requireBinary('redis-server');
  return startLocalServer({
    name: 'redis-server',
    command: () => program,
    args: ({ port, data }) => [
      ...(password === undefined ? [] : [join(data, 'redis.conf')]),
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    ],
    async prepare(data) {
      if (password === undefined) return;
      await writeFile(join(data, 'redis.conf'), `requirepass ${password}\n`, { mode: 0o600 });
    },
    stopSignal: 'SIGTERM',
    isReady: isRedisReady,
    toUrl: (port) => `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
  });
}
