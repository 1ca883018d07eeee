import type { AddressInfo, Server } from 'node:net';

/** Tells the bench where a server listens; every server under test does this, ours by its log. */
export function announce(port: number): void {
  process.stdout.write(`{"port":${port},"msg":"listening"}\n`);
}

export async function listenAnywhere(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  announcePort(server);
}

export function announcePort(server: Server): void {
  // as: a TCP server that listens has an address with a port.
  announce((server.address() as AddressInfo).port);
}
