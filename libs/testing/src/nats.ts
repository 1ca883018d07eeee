import { requireBinary } from './binaries.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';
import { isNatsReady } from './probes.ts';

/** A core NATS server of this machine, on loopback. */
export async function startNats(): Promise<LocalServer> {
  const program = await requireBinary('nats-server');
  return startLocalServer({
    name: 'nats-server',
    command: () => program,
    args: ({ port }) => ['--addr', '127.0.0.1', '--port', String(port)],
    stopSignal: 'SIGINT',
    isReady: isNatsReady,
    toUrl: (port) => `nats://127.0.0.1:${port}`,
  });
}
