import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireBinary } from './binaries.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';
import { isNatsReady } from './probes.ts';

/** A core NATS server of this machine, on loopback; `config` is what its configuration file says beside the address. */
export async function startNats({ config }: { config?: string } = {}): Promise<LocalServer> {
  const program = await requireBinary('nats-server');
  return startLocalServer({
    name: 'nats-server',
    command: () => program,
    args: ({ port, data }) => [
      ...['--addr', '127.0.0.1', '--port', String(port)],
      ...(config === undefined ? [] : ['--config', join(data, 'nats.conf')]),
    ],
    async prepare(data) {
      // Passwords stand in a file that its owner alone reads, never on a command line.
      if (config !== undefined) await writeFile(join(data, 'nats.conf'), config, { mode: 0o600 });
    },
    stopSignal: 'SIGINT',
    isReady: isNatsReady,
    toUrl: (port) => `nats://127.0.0.1:${port}`,
  });
}
