import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { AppError, isPublicAddress } from '@inferry/contracts';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { readProxies } from './config.ts';

const connectTimeoutMs = 10_000;
/** The largest message of a web socket. */
export const maxSocketMessageBytes: number = 32 << 20;

/**
 * The connections of one adapter. They go through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name, but for
 * this machine, and trust the system's authorities and those of `NODE_EXTRA_CA_CERTS`, which Node reads at its start.
 */
export class Dispatchers {
  #anywhere: Dispatcher | undefined;
  #publicOnly: Dispatcher | undefined;

  of({ mayBePrivate }: { mayBePrivate: boolean }): Dispatcher {
    if (mayBePrivate) {
      this.#anywhere ??= createAgent();
      return this.#anywhere;
    }
    this.#publicOnly ??= createAgent(publicLookup);
    return this.#publicOnly;
  }

  async close(): Promise<void> {
    // Not `close`: a platform that is silent would hold the process up.
    await Promise.all([this.#anywhere?.destroy(), this.#publicOnly?.destroy()]);
  }
}

function createAgent(lookup?: LookupFunction): Dispatcher {
  const options = {
    connect: { timeout: connectTimeoutMs, ...(lookup && { lookup }) },
    // The deadline of a call covers its head and its body.
    headersTimeout: 0,
    bodyTimeout: 0,
    webSocket: { maxPayloadSize: maxSocketMessageBytes },
  };
  const proxies = readProxies();
  return proxies === undefined ? new Agent(options) : new EnvHttpProxyAgent({ ...options, ...proxies });
}

/** Fails when a name leads to a private address, at connect: a name may change between a check and its use. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, []);
    const first = addresses[0];
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      return callback(new AppError('url_rejected', 'A host is not on the public internet.'), []);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
