import type { Bus } from '@inferry/bus';
import {
  AppError,
  connectionChanged,
  type Principal,
  readVaultKey,
  Secret,
  verifyPassthrough,
} from '@inferry/contracts';
import { purposes, sealText } from '@inferry/credentials';
import { Recent } from '@inferry/runtime';
import { gatewayPrincipal } from './gateway-principal.ts';

/** How keys begin that callers may bring along, and whose they are. */
export interface KeyPrefixes {
  accepted: readonly { prefix: string; provider: string }[];
  /** Keys of services, say, that nobody is to use here; they win over accepted ones. */
  refused: readonly string[];
}

export interface PassthroughVerifier {
  /** The provider of a key that is taken here; undefined: not one of those. */
  providerOf(key: string): string | undefined;
  /** The verdict as long as it may be reused; null: refused; undefined: ask. */
  known(sha256: string): Principal | null | undefined;
  /** Asks the auth service, with the key sealed to its vault; undefined: it cannot be asked now. */
  verify(key: string, sha256: string): Promise<Principal | null | undefined>;
  close(): void;
}

export interface PassthroughOptions {
  now?: () => number;
  maxVerdicts?: number;
  maxQuestions?: number;
}

interface Verdict {
  principal: Principal | null;
  until: number;
}

/** Nobody's API key looks like a token: one that does was meant for somebody else (MCP 2026-07-28, authorization). */
export const jwtShape = /^[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
const keyShape = /^[\x21-\x7e]{8,512}$/;

/** A platform may take its time to judge a key; an auth service that is away or frozen may not. */
const callOptions = { principal: gatewayPrincipal, patienceMs: 1_800 };

export function createPassthroughVerifier(
  bus: Bus,
  prefixes: KeyPrefixes,
  options: PassthroughOptions = {},
): PassthroughVerifier {
  const now = options.now ?? Date.now;
  const verdicts = new Recent<Verdict>(options.maxVerdicts ?? 50_000);
  const asking = new Map<string, Promise<Principal | null | undefined>>();
  // The longest first, so that a prefix within another one is found.
  const accepted = [...prefixes.accepted].sort((a, b) => b.prefix.length - a.prefix.length);
  let vaultKey: string | undefined;

  async function question(key: string, provider: string) {
    vaultKey ??= (await bus.call(readVaultKey, {}, callOptions)).public_key;
    const sealed = sealText(new Secret(key), vaultKey, purposes.passthrough(provider));
    return bus.call(verifyPassthrough, { provider, sealed }, callOptions);
  }

  async function ask(key: string, sha256: string): Promise<Principal | null | undefined> {
    const provider = providerOf(key);
    if (provider === undefined) return null;
    try {
      const { principal, cache_seconds: seconds } = await question(key, provider).catch((error: unknown) => {
        // The vault may have another key by now: one more try with that.
        if (!(error instanceof AppError && error.code === 'validation_failed')) throw error;
        vaultKey = undefined;
        return question(key, provider);
      });
      verdicts.set(sha256, { principal, until: now() + seconds * 1_000 });
      return principal;
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    } finally {
      asking.delete(sha256);
    }
  }

  function providerOf(key: string): string | undefined {
    if (!keyShape.test(key) || jwtShape.test(key)) return undefined;
    if (prefixes.refused.some((prefix) => key.startsWith(prefix))) return undefined;
    return accepted.find(({ prefix }) => key.startsWith(prefix))?.provider;
  }

  // The connection of a key that was brought along has the id of its grant.
  const subscription = bus.on(connectionChanged, ({ connection_id: id }) => {
    if (id.startsWith('pt_')) verdicts.deleteWhere(({ principal }) => principal?.grant_id === id);
  });

  return {
    providerOf,
    known(sha256) {
      const verdict = verdicts.get(sha256);
      return verdict === undefined || verdict.until <= now() ? undefined : verdict.principal;
    },
    verify(key, sha256) {
      const open = asking.get(sha256);
      if (open !== undefined) return open;
      if (asking.size >= (options.maxQuestions ?? 256)) return Promise.resolve(undefined);
      const asked = ask(key, sha256);
      asking.set(sha256, asked);
      return asked;
    },
    close: () => subscription.unsubscribe(),
  };
}
