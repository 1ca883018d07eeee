/** The one HTTP app of a process: services and their routes, health, and clocks on bodies and connections. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';
import { type AddressRanges, addressKey } from './client-address.ts';
import { pathOfUrl } from './mounts.ts';
import type { Readiness, Service } from './service.ts';

/** A service with routes of its own, mounted on one app with others or served alone. */
export interface HttpService extends Service {
  routes(app: FastifyInstance): Promise<void>;
}

export function isHttpService(service: Service): service is HttpService {
  return 'routes' in service;
}

interface HttpAppOptions {
  /** Where this server stands in front of everything. */
  connections?: ConnectionLimit | undefined;
  /** How long a body may take where nobody has a clock of its own on it, and a sender that was answered already. */
  bodies?: { wholeMs: number; lingerMs: number } | undefined;
  /** Where clients reach this deployment; its path is taken off where the proxy in front has not done so. */
  publicUrl?: string | undefined;
}

function noSchemas(): never {
  throw new Error('routes have no schemas here');
}

/** The gateway's own clock, whose answer says more, is the shorter one. */
const defaultBodies = { wholeMs: 35_000, lingerMs: 3_000 };

/** One HTTP app for the given services, with `/healthz` and `/readyz` where none of them brings its own. */
export async function createHttpApp(
  services: readonly Service[],
  options: HttpAppOptions = {},
): Promise<FastifyInstance> {
  const prefix = options.publicUrl === undefined ? '' : pathOfUrl(options.publicUrl);
  // Not before it is needed: over stdio the first message is answered without it.
  const { default: fastify } = await import('fastify');
  const app = fastify({
    logger: false,
    // No route has a schema of fastify's: its compilers of them, a third of what it loads, stay where they are.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    ...(prefix === ''
      ? {}
      : { rewriteUrl: (request: IncomingMessage) => withoutPrefix(request.url ?? '/', prefix) }),
    // Slow senders are cut: headers within 10 s, a keep-alive connection idles 75 s (longer than load balancers').
    connectionTimeout: 0,
    keepAliveTimeout: 75_000,
    requestTimeout: 0,
    forceCloseConnections: 'idle',
    // An address with a slash at its end is the same one, and served in place: clients lose a body on a redirect.
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: true },
    http: {
      headersTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
      maxHeaderSize: maxHeadBytes,
      // Routes refuse a request without Host themselves, with a code.
      requireHostHeader: false,
    },
    // The URL cannot be decoded or has a part that is too long.
    frameworkErrors: (_error, _request, reply) => {
      const body = toRefusal(notHttp);
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      reply.raw.writeHead(400, headers).end(body);
    },
    clientErrorHandler: refuseMalformed,
  });
  const late: { code?: string } & Error = Object.assign(new Error('the body is late'), {
    code: 'ERR_HTTP_REQUEST_TIMEOUT',
  });
  startBodyClocks(app.server, {
    ...(options.bodies ?? defaultBodies),
    refuse: (socket) => refuseMalformed(late, socket),
  });
  if (options.connections !== undefined) limitConnections(app.server, options.connections);
  app.addHook('onRequest', (request, reply, done) => {
    if (isOwnTarget(request.raw)) return done();
    reply.hijack();
    refuseMalformed(new Error('the target is of another host'), request.raw.socket);
  });
  // An expectation that means nothing to us is ignored, as it may be (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  for (const service of services) if (isHttpService(service)) await service.routes(app);
  if (!app.hasRoute({ url: '/healthz', method: 'GET' })) app.get('/healthz', async () => ({ status: 'ok' }));
  if (!app.hasRoute({ url: '/readyz', method: 'GET' })) {
    app.get('/readyz', async (_request, reply) => {
      const readiness = await readinessOf(services);
      return reply.code(readiness.isReady ? 200 : 503).send(readiness);
    });
  }
  return app;
}

/** A target in absolute form names the host itself: it is the one of the header, or nobody can say which counts. */
function isOwnTarget({ url = '/', headers }: IncomingMessage): boolean {
  if (url.startsWith('/')) return true;
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url) ?? [];
  return authority === undefined || authority.toLowerCase() === headers.host?.toLowerCase();
}

const maxHeadBytes = 16_384;

/** Why a socket brought no request: the status, what is wrong, and what to do about it. */
type NoRequest = readonly [status: string, message: string, nextAction: string];

const refusalOf: Readonly<Record<string, NoRequest>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    `The address and the headers of a request are at most ${maxHeadBytes} bytes together.`,
    'Put what is long into the body.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'The request did not arrive whole in time.',
    'Send it again.',
  ],
};
const notHttp: NoRequest = [
  '400 Bad Request',
  'The request is not valid HTTP.',
  'Send HTTP/1.1 with an address that can be decoded.',
];

function toRefusal([, message, nextAction]: NoRequest): string {
  return JSON.stringify({ error: new AppError('invalid_request', message, { nextAction }).toEnvelope() });
}

/** Answers what never became a request; the connection cannot be used any more. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  // A client that reset the connection hears nothing.
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const refusal = refusalOf[error.code ?? ''] ?? notHttp;
  const [status] = refusal;
  const body = toRefusal(refusal);
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json`;
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => socket.destroy());
}

/** Ready when all are; problems are named `<service>.<dependency>`. */
export async function readinessOf(services: readonly Service[]): Promise<Readiness> {
  const all = await Promise.all(
    services.map(async (service) => ({ name: service.name, ...(await service.readiness()) })),
  );
  const problems = all.flatMap(({ name, problems: own }) =>
    Object.entries(own).map(([dependency, problem]) => [`${name}.${dependency}`, problem]),
  );
  return { isReady: all.every(({ isReady }) => isReady), problems: Object.fromEntries(problems) };
}

const wellKnown = /^(\/\.well-known\/[a-z-]+)(\/.*)$/;

/**
 * The address within this app of one below the public URL's path. A well-known document of such a deployment has the
 * path behind its name (RFC 8414 and RFC 9728, section 3.1).
 */
function withoutPrefix(url: string, prefix: string): string {
  const [, document, behind] = wellKnown.exec(url) ?? [];
  if (document !== undefined && behind !== undefined) {
    return `${document}${isBelow(behind, prefix) ? behind.slice(prefix.length) : behind}`;
  }
  if (!isBelow(url, prefix)) return url;
  const rest = url.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function isBelow(url: string, prefix: string): boolean {
  return url.startsWith(prefix) && ['', '/', '?'].includes(url.charAt(prefix.length));
}

// Clocks on what comes in: a body that never ends, or comes by drops, holds a connection and whatever waits for it, with
// no credential at all. One implementation for every HTTP server of ours.

interface BodyClockOptions {
  /** The longest that a body may take to come. */
  wholeMs: number;
  /** How long a sender that was answered already may go on, so that it can read the answer. */
  lingerMs: number;
  /** Ends the connection with the answer that fits. */
  refuse(socket: Socket): void;
}

const unhurried = new WeakSet<IncomingMessage>();

/** For whoever reads a large body and has a clock of its own on it (`Pace`). */
export function ownBodyClock(request: IncomingMessage): void {
  unhurried.add(request);
}

/** Cuts requests whose body does not come to its end. */
export function startBodyClocks(server: Server, options: BodyClockOptions): void {
  // Before anybody reads: what has come is then still seen.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasBody(request)) return;
    // Almost every body comes with its head: the parser has handed it over before anything else happens.
    process.nextTick(watch, request, response, options);
  });
}

function isThere(request: IncomingMessage): boolean {
  return request.complete || request.readableLength === Number(request.headers['content-length']);
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return length === undefined ? headers['transfer-encoding'] !== undefined : length !== '0';
}

function watch(request: IncomingMessage, response: ServerResponse, options: BodyClockOptions): void {
  if (isThere(request)) return;
  const { socket } = request;
  const whole = setTimeout(() => {
    if (request.complete || unhurried.has(request)) return;
    if (response.headersSent) socket.destroy();
    else options.refuse(socket);
  }, options.wholeMs);
  let linger: NodeJS.Timeout | undefined;
  response.once('finish', () => {
    if (request.complete) return;
    linger = setTimeout(() => {
      if (!request.complete) socket.destroy();
    }, options.lingerMs);
  });
  const stop = () => {
    clearTimeout(whole);
    clearTimeout(linger);
  };
  // Of the request and not of its socket, which lives on with the requests that follow.
  request.once('end', stop);
  request.once('close', stop);
}

/** How much a sender has to send of what it has not sent yet. */
export interface PaceOptions {
  bytesPerSecond: number;
  /** Over so long: a sender may stop for a moment. */
  windowMs: number;
}

export const slowestPace: PaceOptions = { bytesPerSecond: 1_024, windowMs: 30_000 };

/** Whether a sender is fast enough; the time in which nobody waited for it does not count. */
export class Pace {
  readonly #options: PaceOptions;
  #waitedMs = 0;
  #bytes = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** False when it was too slow since it was last asked that. */
  add(waitedMs: number, bytes: number): boolean {
    this.#waitedMs += waitedMs;
    this.#bytes += bytes;
    if (this.#waitedMs < this.#options.windowMs) return true;
    const isFast = this.#bytes >= (this.#options.bytesPerSecond * this.#waitedMs) / 1_000;
    this.#waitedMs = 0;
    this.#bytes = 0;
    return isFast;
  }
}

interface ConnectionLimit {
  /** From one address (one /64 of IPv6) at once. */
  perAddress: number;
  /** Proxies hold the connections of many; those of this machine are its owner's. */
  exempt: AddressRanges;
}

/** For a server that stands in front: nobody holds all of its connections. */
export function limitConnections(server: Server, { perAddress, exempt }: ConnectionLimit): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    if (address === '' || address === '::1' || address.startsWith('127.') || exempt.has(address)) return;
    const key = addressKey(address);
    const count = (open.get(key) ?? 0) + 1;
    if (count > perAddress) return void socket.destroy();
    open.set(key, count);
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1;
      if (left === 0) open.delete(key);
      else open.set(key, left);
    });
  });
}
