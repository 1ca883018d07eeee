import type { Bus } from '@inferry/bus';
import { jwksChanged, readJwks } from '@inferry/contracts';
import type { Parts } from '@inferry/runtime';
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { z } from 'zod';
import { gatewayPrincipal } from './gateway-principal.ts';
import { keepRead } from './keep-read.ts';

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
  /** How soon a failed reading is tried again: a key may have been taken out meanwhile. */
  retryMs?: number;
  random?: () => number;
}

/** Anybody can name an unknown key: the auth service is asked for those so often at most. */
const unknownKeyPauseMs = 5_000;

/** The issuer's keys, over the bus: read at the start, when they change, on reconnect and every few minutes. */
export function watchSigningKeys(bus: Bus, options: SigningKeysOptions): SigningKeys {
  const { log, now = Date.now, refreshMs = 300_000, retryMs, random } = options;
  let trust: TokenTrust | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  async function read(): Promise<void> {
    const next = toTrust(await bus.call(readJwks, {}, { principal: gatewayPrincipal }));
    const isAnyGone = [...(trust?.kids ?? [])].some((kid) => !next.kids.has(kid));
    trust = next;
    if (isAnyGone) options.onRemoved?.();
  }

  const kept = keepRead(bus, { what: 'signing keys', read, log, refreshMs, retryMs, random });
  const subscription = bus.on(jwksChanged, () => void kept.refreshAfter());

  return {
    get trust() {
      return trust;
    },
    async reloadForUnknownKey() {
      if (now() - askedAt < unknownKeyPauseMs) return kept.reading;
      askedAt = now();
      return kept.refresh();
    },
    close() {
      kept.close();
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
