import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type FastifyInstance, fastify } from 'fastify';
import { WebSocketServer } from 'ws';
import type { EmulatorDefinition } from './definition.ts';
import { Emulator } from './emulator.ts';
import { isForeign, mountEmulator } from './mount-emulator.ts';
import type { Scenario } from './scenario.ts';

export interface StartEmulatorsOptions {
  definitions: readonly EmulatorDefinition[];
  /** Default: a free one. */
  port?: number;
  /** Default: a clock that stands still. `Date.now` for people. */
  now?: () => number;
}

export interface Emulators {
  /** The value of `INFERRY_EMULATORS`. */
  url: string;
  of(slug: string): Emulator;
  all(): readonly Emulator[];
  close(): Promise<void>;
}

/** Serves emulated platforms on loopback, each below its own prefix. */
export async function startEmulators({
  definitions,
  port = 0,
  now,
}: StartEmulatorsOptions): Promise<Emulators> {
  const app = fastify({
    bodyLimit: 256 << 20,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 500 },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const emulators = new Map<string, Emulator>();
  // The port is known only when it listens, and routes must be there before: the addresses are made late.
  const address = { origin: '' };
  for (const definition of definitions) {
    const emulator = new Emulator({ definition, origin: '', now });
    Object.defineProperty(emulator, 'origin', { get: () => address.origin });
    emulators.set(definition.slug, emulator);
    mountEmulator(app, emulator);
  }
  mountFiles(app, emulators);
  mountControl(app, emulators);
  acceptSockets(app, emulators);
  await app.listen({ host: '127.0.0.1', port });
  const listening = app.server.address();
  if (typeof listening !== 'object' || listening === null) throw new Error('the emulators do not listen');
  address.origin = `http://127.0.0.1:${listening.port}`;
  return {
    url: address.origin,
    of(slug) {
      const emulator = emulators.get(slug);
      if (emulator === undefined) throw new Error(`there is no emulator of "${slug}"`);
      return emulator;
    },
    all: () => [...emulators.values()],
    async close() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

function mountFiles(app: FastifyInstance, emulators: ReadonlyMap<string, Emulator>): void {
  app.get('/~files/:slug/:name', (request, reply) => {
    // as: the router gives both.
    const { slug, name } = request.params as { slug: string; name: string };
    const emulator = emulators.get(slug);
    const file = emulator?.files.get(name);
    emulator?.record({
      method: 'GET',
      path: `/~files/${name}`,
      base: 'files',
      kind: 'file',
      query: {},
      // as: no header that is asked about comes twice.
      headers: request.headers as Record<string, string>,
      body: undefined,
      status: file === undefined ? 404 : 200,
      isForeign: isForeign(request.headers),
    });
    if (file === undefined) return reply.code(404).send('gone');
    return reply.type(file.contentType).send(file.bytes);
  });
}

/** For tests in another process: what shall happen, and what was asked. */
function mountControl(app: FastifyInstance, emulators: ReadonlyMap<string, Emulator>): void {
  const find = (params: unknown): Emulator | undefined => {
    // as: the router gives it.
    return emulators.get((params as { slug: string }).slug);
  };
  app.post('/~control/:slug/script', (request, reply) => {
    // as: only tests of ours write here, with the type at hand.
    find(request.params)?.script(JSON.parse(String(request.body)) as Scenario);
    return reply.code(204).send();
  });
  app.post('/~control/:slug/reset', (request, reply) => {
    find(request.params)?.reset();
    return reply.code(204).send();
  });
  app.get('/~control/:slug/requests', (request) => {
    const emulator = find(request.params);
    return { requests: emulator?.requests ?? [], violations: emulator?.violations ?? [] };
  });
}

function acceptSockets(app: FastifyInstance, emulators: ReadonlyMap<string, Emulator>): void {
  const sockets = new WebSocketServer({ noServer: true });
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? '/', 'http://emulators');
    const [, first = '', ...rest] = url.pathname.split('/');
    const emulator = emulators.get(first.split('.')[0] ?? '');
    const accept = emulator?.definition.acceptSocket;
    if (emulator === undefined || accept === undefined) return void socket.destroy();
    const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    sockets.handleUpgrade(request, socket, head, (ws) => {
      accept(emulator, { ws, path: `/${rest.join('/')}`, query: url.searchParams, key });
    });
  });
  app.addHook('onClose', async () => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
  });
}
