import type { Principal } from '@inferry/contracts';
import { AppError } from '@inferry/contracts';
import type { Limits, WindowHit, WindowVerdict } from '@inferry/limits';
import { Recent } from '../recent.ts';
import { type Refusal, refuse } from '../refusal.ts';

export interface WindowLimits {
  credential: number;
  ipPreAuth: number;
  ipPostAuth: number;
}

/**
 * Sliding windows of 60 s. Real traffic is charged to its credential; an address is charged only for what is refused,
 * so that neither a shared egress range nor somebody else's failures lock a valid credential out (X16).
 */
export interface Windows {
  /** Counts requests of a credential; a refusal when there were too many. */
  chargeCredential(principal: Principal, requests: number): Promise<Refusal | undefined>;
  /** Counts a refusal against the address it came from; a refusal of its own when there were too many. */
  chargeFailure(stage: 'pre_auth' | 'post_auth', address: string): Promise<Refusal | undefined>;
}

export interface WindowsParts {
  limits: Limits;
  /** Windows of this process, used while the shared store is away. */
  local: Limits;
  onLocal(): void;
  now?: () => number;
}

const windowMs = 60_000;
/** How long the shared store is left alone after it failed: a request must not wait for it to fail again. */
const awayMs = 1_000;

export function createWindows(limits: WindowLimits, parts: WindowsParts): Windows {
  const now = parts.now ?? Date.now;
  const blocked = new Recent<number>(10_000);
  let awayUntil = 0;

  async function hit(one: WindowHit): Promise<WindowVerdict> {
    if (now() >= awayUntil) {
      try {
        return await parts.limits.hit(one);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        awayUntil = now() + awayMs;
      }
    }
    parts.onLocal();
    return parts.local.hit(one);
  }

  return {
    async chargeCredential(principal, requests) {
      // The one user of a loopback system owns it: there is nobody to be fair to.
      if (principal.kind === 'local') return undefined;
      const verdict = await hit({
        key: `credential:${principal.grant_id}`,
        rule: { limit: limits.credential, windowMs },
        cost: requests,
      });
      return verdict.isAllowed ? undefined : refuseRate('credential', limits.credential, verdict);
    },
    async chargeFailure(stage, address) {
      const limit = stage === 'pre_auth' ? limits.ipPreAuth : limits.ipPostAuth;
      const key = `ip:${stage}:${address}`;
      // An address that is over its limit stays so until then: a flood of refusals does not reach the store.
      const blockedMs = (blocked.get(key) ?? 0) - now();
      if (blockedMs > 0) return refuseRate(stage, limit, { retryAfterMs: blockedMs });
      const verdict = await hit({ key, rule: { limit, windowMs } });
      if (verdict.isAllowed) return undefined;
      blocked.set(key, now() + verdict.retryAfterMs);
      return refuseRate(stage, limit, verdict);
    },
  };
}

/** RF-55; headers as in draft-ietf-httpapi-ratelimit-headers. */
function refuseRate(
  policy: string,
  limit: number,
  { retryAfterMs }: Pick<WindowVerdict, 'retryAfterMs'>,
): Refusal {
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return refuse(429, ['rate_limited', `More than ${limit} in ${windowMs / 1_000} s.`], {
    retryAfterSeconds,
    nextAction: `Wait ${retryAfterSeconds} s, then retry.`,
    headers: {
      'ratelimit-policy': `"${policy}";q=${limit};w=${windowMs / 1_000}`,
      ratelimit: `"${policy}";r=0;t=${retryAfterSeconds}`,
    },
  });
}
