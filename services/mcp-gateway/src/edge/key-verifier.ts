import type { Bus } from '@inferry/bus';
import { AppError, type Principal, Recent, verifyKey } from '@inferry/contracts';
import { gatewayPrincipal } from './gateway-principal.ts';

export interface KeyVerifier {
  /** The verdict as long as it may be reused; null: no such key; undefined: ask. */
  known(sha256: string): Principal | null | undefined;
  /** Asks the auth service; undefined: it cannot be asked now. */
  verify(sha256: string): Promise<Principal | null | undefined>;
}

interface Verdict {
  principal: Principal | null;
  until: number;
}

export interface KeyVerifierOptions {
  now?: () => number;
  /** Verdicts kept. */
  maxVerdicts?: number;
  /** Questions open at once; more are not asked. */
  maxQuestions?: number;
}

/** A call has its answer within three seconds, this question included: time for a second replica of the auth service. */
const timeoutMs = 1_800;

/** Verdicts of the auth service by the key's SHA-256: the second call with a key is one map read. */
export function createKeyVerifier(bus: Bus, options: KeyVerifierOptions = {}): KeyVerifier {
  const now = options.now ?? Date.now;
  const verdicts = new Recent<Verdict>(options.maxVerdicts ?? 50_000);
  const asking = new Map<string, Promise<Principal | null | undefined>>();

  async function ask(sha256: string): Promise<Principal | null | undefined> {
    try {
      const options = { principal: gatewayPrincipal, timeoutMs };
      const reply = await bus.call(verifyKey, { key_sha256: sha256 }, options);
      verdicts.set(sha256, { principal: reply.principal, until: now() + reply.cache_seconds * 1_000 });
      return reply.principal;
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    } finally {
      asking.delete(sha256);
    }
  }

  return {
    known(sha256) {
      const verdict = verdicts.get(sha256);
      return verdict === undefined || verdict.until <= now() ? undefined : verdict.principal;
    },
    verify(sha256) {
      const open = asking.get(sha256);
      if (open !== undefined) return open;
      if (asking.size >= (options.maxQuestions ?? 256)) return Promise.resolve(undefined);
      const question = ask(sha256);
      asking.set(sha256, question);
      return question;
    },
  };
}
