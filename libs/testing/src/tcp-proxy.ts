import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';

export interface TcpProxy {
  port: number;
  /** Delays every chunk, both ways. */
  latency(ms: number): void;
  /** Nothing passes and nothing is refused, as on a link that is cut: new connections open and stay silent. */
  blackhole(): void;
  /** Ends every open connection with a reset; new ones pass. */
  reset(): void;
  /** Everything passes again, also what was held back. */
  restore(): void;
  close(): Promise<void>;
}

/** A TCP proxy on a free loopback port that can break the link in the ways that networks do. */
export async function createTcpProxy(target: { port: number; host?: string }): Promise<TcpProxy> {
  const links = new Set<Link>();
  const state: LinkState = { latencyMs: 0, isBlackhole: false };
  const server = createServer((client) => {
    const link = new Link(client, dial(target.port, target.host ?? '127.0.0.1'), state);
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    latency(ms) {
      state.latencyMs = ms;
    },
    blackhole() {
      state.isBlackhole = true;
      for (const link of links) link.pause();
    },
    reset() {
      for (const link of links) link.reset();
    },
    restore() {
      state.latencyMs = 0;
      state.isBlackhole = false;
      for (const link of links) link.resume();
    },
    async close() {
      for (const link of links) link.reset();
      server.close();
      await once(server, 'close');
    },
  };
}

interface LinkState {
  latencyMs: number;
  isBlackhole: boolean;
}

/** One proxied connection. */
class Link {
  readonly #sockets: readonly [Socket, Socket];
  readonly #state: LinkState;

  constructor(client: Socket, upstream: Socket, state: LinkState) {
    this.#sockets = [client, upstream];
    this.#state = state;
    this.#pass(client, upstream);
    this.#pass(upstream, client);
    if (state.isBlackhole) this.pause();
  }

  pause(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #pass(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      if (this.#state.latencyMs === 0) to.write(chunk);
      else setTimeout(() => to.write(chunk), this.#state.latencyMs);
    });
    from.on('end', () => to.end());
    from.on('error', () => {
      // The other side learns of it by the close below.
    });
    from.on('close', () => to.destroy());
  }
}
