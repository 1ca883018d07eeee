import type { Bus } from '@inferry/bus';
import { jwksChanged, readJwks } from '@inferry/contracts';
import type { Parts } from '@inferry/runtime';
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { z } from 'zod';
import { gatewayPrincipal } from './gateway-principal.ts';

/** What access tokens are verified with. */
export interface TokenTrust {
  issuer: string;
  /** Values of `aud` that name this deployment, the canonical one first. */
  audiences: readonly string[];
  keys: JWTVerifyGetKey;
  /** Another text whenever a key is gone that was there. */
  kids: ReadonlySet<string>;
}

export interface SigningKeys {
  /** Undefined until it was read once: before that, no token is looked at. */
  readonly trust: TokenTrust | undefined;
  /** Reads the keys again because a token names one that is not there; not more often than once in a while. */
  reloadForUnknownKey(): Promise<void>;
  close(): void;
}

export interface SigningKeysOptions {
  log: Pick<Parts['log'], 'warn'>;
  /** Told when keys are gone: what they signed is not trusted any more. */
  onRemoved?: () => void;
  now?: () => number;
  refreshMs?: number;
  retryMs?: number;
  random?: () => number;
}

/** Anybody can name an unknown key: the auth service is asked for those so often at most. */
const unknownKeyPauseMs = 5_000;

/** The issuer's keys, over the bus: read at the start, when they change, on reconnect and every few minutes. */
export function watchSigningKeys(bus: Bus, options: SigningKeysOptions): SigningKeys {
  const { log, now = Date.now, refreshMs = 300_000, retryMs = 500, random = Math.random } = options;
  let trust: TokenTrust | undefined;
  let reading: Promise<void> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function read(): Promise<void> {
    try {
      const next = toTrust(await bus.call(readJwks, {}, { principal: gatewayPrincipal }));
      const isAnyGone = [...(trust?.kids ?? [])].some((kid) => !next.kids.has(kid));
      trust = next;
      if (isAnyGone) options.onRemoved?.();
    } catch (error) {
      log.warn({ err: error }, 'signing keys cannot be read');
    }
  }

  function refresh(): Promise<void> {
    if (isClosed) return Promise.resolve();
    clearTimeout(timer);
    reading ??= read().finally(() => {
      reading = undefined;
      if (isClosed) return;
      timer = setTimeout(refresh, (trust === undefined ? retryMs : refreshMs) * (0.8 + 0.4 * random()));
      timer.unref();
    });
    return reading;
  }

  const subscription = bus.on(jwksChanged, () => {
    // An answer that is on its way may be older than the change.
    void (reading ?? Promise.resolve()).then(refresh);
  });
  bus.onStatus((isConnected) => {
    if (isConnected) void refresh();
  });
  void refresh();

  return {
    get trust() {
      return trust;
    },
    async reloadForUnknownKey() {
      if (now() - askedAt < unknownKeyPauseMs) return reading;
      askedAt = now();
      return refresh();
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      subscription.unsubscribe();
    },
  };
}

function toTrust({ issuer, audiences, keys }: z.infer<typeof readJwks.output>): TokenTrust {
  // as: jose checks each key when it is used, and takes none that does not fit the algorithm.
  const set = { keys } as JSONWebKeySet;
  const kids = new Set(keys.flatMap(({ kid }) => (typeof kid === 'string' ? [kid] : [])));
  return { issuer, audiences, keys: createLocalJWKSet(set), kids };
}
