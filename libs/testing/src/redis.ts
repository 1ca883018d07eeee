import { requireBinary } from './binaries.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';
import { isRedisReady } from './probes.ts';

/** A Redis server of this machine, on loopback; it keeps nothing over a restart. */
export async function startRedis(): Promise<LocalServer> {
  const program = await requireBinary('redis-server');
  return startLocalServer({
    name: 'redis-server',
    command: () => program,
    args: ({ port, data }) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    ],
    stopSignal: 'SIGTERM',
    isReady: isRedisReady,
    toUrl: (port) => `redis://127.0.0.1:${port}`,
  });
}
