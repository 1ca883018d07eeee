/**
 * Clocks on what comes in: a body that never ends, or comes by drops, holds a connection and whatever waits for it, with
 * no credential at all. One implementation for every HTTP server of ours.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type AddressRanges, addressKey } from './client-address.ts';

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

export interface ConnectionLimit {
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
