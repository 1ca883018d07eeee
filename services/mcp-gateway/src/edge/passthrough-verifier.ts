import type { Bus } from '@inferry/bus';
import {
  AppError,
  connectionChanged,
  type Principal,
  Recent,
  readVaultKey,
  Secret,
  verifyPassthrough,
} from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { sealText } from '@inferry/seals';
import { gatewayPrincipal } from './gateway-principal.ts';

/** How keys begin that callers may bring along, and whose they are. */
export interface KeyPrefixes {
  accepted: readonly { prefix: string; provider: string }[];
  /** Keys of services, say, that nobody is to use here; they win over accepted ones. */
  refused: readonly string[];
}

/** What a mount adds to the keys that are taken everywhere, and which platforms it is limited to. */
export interface MountKeys {
  keyPrefixes?: Readonly<Record<string, string>> | undefined;
  refusedPrefixes?: Readonly<Record<string, string>> | undefined;
  providers?: readonly string[] | undefined;
}

export interface BroughtKey {
  key: string;
  sha256: string;
  provider: string;
}

export interface PassthroughVerifier {
  /** The provider of a key that is taken at a mount; undefined: not one of those. */
  providerOf(key: string, mount?: MountKeys): string | undefined;
  /** The beginning that a key is refused for, and what to say of it. */
  refusalOf(key: string, mount?: MountKeys): { prefix: string; reason: string | undefined } | undefined;
  /** The verdict as long as it may be reused; null: refused; undefined: ask. */
  known(asked: Pick<BroughtKey, 'provider' | 'sha256'>): Principal | null | undefined;
  /** Asks the auth service, with the key sealed to its vault; undefined: it cannot be asked now. */
  verify(asked: BroughtKey): Promise<Principal | null | undefined>;
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
  let vaultKey: string | undefined;

  async function question(key: string, provider: string) {
    vaultKey ??= (await bus.call(readVaultKey, {}, callOptions)).public_key;
    const sealed = sealText(new Secret(key), vaultKey, purposes.passthrough(provider));
    return bus.call(verifyPassthrough, { provider, sealed }, callOptions);
  }

  async function ask({ key, sha256, provider }: BroughtKey): Promise<Principal | null | undefined> {
    const id = idOf({ sha256, provider });
    try {
      const { principal, cache_seconds: seconds } = await question(key, provider).catch((error: unknown) => {
        // The vault may have another key by now: one more try with that.
        if (!(error instanceof AppError && error.code === 'validation_failed')) throw error;
        vaultKey = undefined;
        return question(key, provider);
      });
      verdicts.set(id, { principal, until: now() + seconds * 1_000 });
      return principal;
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    } finally {
      asking.delete(id);
    }
  }

  function providerOf(key: string, mount: MountKeys = {}): string | undefined {
    if (!keyShape.test(key) || jwtShape.test(key)) return undefined;
    const { keyPrefixes = {}, providers } = mount;
    if (refusalOf(key, mount) !== undefined) return undefined;
    const own = Object.entries(keyPrefixes).map(([prefix, provider]) => ({ prefix, provider }));
    // The longest counts, so that a prefix within another one is found.
    const [found] = [...prefixes.accepted, ...own]
      .filter(({ prefix }) => key.startsWith(prefix))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    const isLimited = providers !== undefined && !providers.includes(found?.provider ?? '');
    return isLimited ? undefined : found?.provider;
  }

  function refusalOf(key: string, { refusedPrefixes = {} }: MountKeys = {}) {
    const found = [...Object.keys(refusedPrefixes), ...prefixes.refused].find((one) => key.startsWith(one));
    return found === undefined ? undefined : { prefix: found, reason: refusedPrefixes[found] };
  }

  // The connection of a key that was brought along has the id of its grant.
  const subscription = bus.on(connectionChanged, ({ connection_id: id }) => {
    if (id.startsWith('pt_')) verdicts.deleteWhere(({ principal }) => principal?.grant_id === id);
  });

  return {
    providerOf,
    refusalOf,
    known(asked) {
      const verdict = verdicts.get(idOf(asked));
      return verdict === undefined || verdict.until <= now() ? undefined : verdict.principal;
    },
    verify(brought) {
      const id = idOf(brought);
      const open = asking.get(id);
      if (open !== undefined) return open;
      if (asking.size >= (options.maxQuestions ?? 256)) return Promise.resolve(undefined);
      const asked = ask(brought);
      asking.set(id, asked);
      return asked;
    },
    close: () => subscription.unsubscribe(),
  };
}

/** A key is good or bad at one platform: which one is asked may differ from mount to mount. */
function idOf({ sha256, provider }: Pick<BroughtKey, 'sha256' | 'provider'>): string {
  return `${provider} ${sha256}`;
}
