import { AppError, type Principal, Recent } from '@inferry/contracts';
import type { Limits, WindowHit, WindowVerdict } from '@inferry/limits';
import { type AddressRanges, addressKey } from '@inferry/runtime';
import { type HttpRefusal, refuse, refuseUnavailable } from '../http-refusal.ts';

export interface WindowLimits {
  credential: number;
  /** Of all credentials of one subject together; undefined: each by itself. */
  subject?: number | undefined;
  ipPreAuth: number;
  ipPostAuth: number;
  /** Instead of both, for an address of `trustedEgress`. */
  trustedEgress: number;
}

/** What charging a window came to: a refusal, or what is left, as header fields (draft-ietf-httpapi-ratelimit-headers-10). */
export type Charge = HttpRefusal | Readonly<Record<string, string>> | undefined;

/**
 * Sliding windows of 60 s. Real traffic is charged to its credential; an address is charged only for what is refused,
 * so that neither a shared egress range nor somebody else's failures lock a valid credential out (X16).
 */
export interface Windows {
  /** Counts requests of a credential; a refusal when there were too many. */
  chargeCredential(principal: Principal, requests: number): Promise<Charge>;
  /** Counts a refusal against the address it came from; a refusal of its own when there were too many. */
  chargeFailure(stage: 'pre_auth' | 'post_auth', address: string): Promise<Charge>;
  /** Why an unknown key of this address is not tried at its platform now; `open` are being tried, this one included. */
  roomForProbe(probe: { address: string; provider: string; open: number }): Promise<HttpRefusal | undefined>;
  /** Counts a key that its platform refused, against its address and for that platform. */
  chargeProbe(address: string, provider: string): Promise<Charge>;
}

export interface WindowsParts {
  limits: Limits;
  /** Windows of this process, used while the shared store is away; undefined: nothing is let in then. */
  local: Limits | undefined;
  /** Told of each hit that the shared store did not count. */
  onAway(fallback: 'local' | 'closed'): void;
  /** Addresses that many users share, such as those of a hosted client (X16). */
  trustedEgress: AddressRanges;
  now?: () => number;
}

const windowMs = 60_000;
/** Keys of one platform that may fail in a minute, in times of what one address may: beyond it is an attack from many. */
const platformTimes = 20;
/** How long the shared store is left alone after it failed: a request must not wait for it to fail again. */
const awayMs = 1_000;

export function createWindows(limits: WindowLimits, parts: WindowsParts): Windows {
  const now = parts.now ?? Date.now;
  const blocked = new Recent<number>(10_000);
  let awayUntil = 0;

  /** Every request passes here: it makes one promise. */
  async function ask<T>(count: (store: Limits) => Promise<T>): Promise<T | undefined> {
    if (now() >= awayUntil) {
      try {
        return await count(parts.limits);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        awayUntil = now() + awayMs;
      }
    }
    parts.onAway(parts.local === undefined ? 'closed' : 'local');
    return parts.local === undefined ? undefined : count(parts.local);
  }

  const hit = (one: WindowHit) => ask((store) => store.hit(one));
  const hitAll = (hits: readonly WindowHit[]) => ask((store) => store.hitAll(hits));

  async function chargeFailure(stage: 'pre_auth' | 'post_auth', address: string): Promise<Charge> {
    const policy = policyOf(stage, address);
    const key = `ip:${stage}:${addressKey(address)}`;
    // An address that is over its limit stays so until then: a flood of refusals does not reach the store.
    const blockedMs = (blocked.get(key) ?? 0) - now();
    if (blockedMs > 0) return refuseRate(policy, blockedMs);
    const verdict = await hit({ key, rule: { limit: policy.limit, windowMs } });
    if (verdict?.isAllowed === false) blocked.set(key, now() + verdict.retryAfterMs);
    return toCharge(verdict, policy);
  }

  const platformPolicy: Policy = { name: 'platform', limit: limits.ipPreAuth * platformTimes };

  return {
    async chargeCredential(principal, requests) {
      // The one user of a loopback system owns it: there is nobody to be fair to.
      if (principal.kind === 'local') return undefined;
      const { credential, subject = Number.POSITIVE_INFINITY } = limits;
      const own = {
        key: `credential:${principal.grant_id}`,
        rule: { limit: credential, windowMs },
        cost: requests,
      };
      if (subject === Number.POSITIVE_INFINITY)
        return toCharge(await hit(own), { name: 'credential', limit: credential });
      const all = { key: `subject:${principal.subject}`, rule: { limit: subject, windowMs }, cost: requests };
      const [ofKey, ofAll] = (await hitAll([own, all])) ?? [];
      // Whichever is tighter is what the caller hears of.
      const isTighter = ofKey !== undefined && ofAll !== undefined && ofAll.remaining < ofKey.remaining;
      return ofAll?.isAllowed === false || (isTighter && ofKey.isAllowed)
        ? toCharge(ofAll, { name: 'account', limit: subject })
        : toCharge(ofKey, { name: 'credential', limit: credential });
    },
    chargeFailure,
    async roomForProbe({ address, provider, open }) {
      const policy = policyOf('pre_auth', address);
      const verdicts = await hitAll([
        { key: `ip:pre_auth:${addressKey(address)}`, rule: { limit: policy.limit, windowMs }, cost: 0 },
        { key: `probe:${provider}`, rule: { limit: platformPolicy.limit, windowMs }, cost: 0 },
      ]);
      const [own, platform] = verdicts ?? [];
      if (own === undefined || platform === undefined)
        return refuseUnavailable('Requests cannot be counted now.');
      if (!own.isAllowed) return refuseRate(policy, own.retryAfterMs);
      if (!platform.isAllowed) return refuseRate(platformPolicy, platform.retryAfterMs);
      return own.remaining < open ? refuseRate(policy, 1_000) : undefined;
    },
    async chargeProbe(address, provider) {
      await hit({ key: `probe:${provider}`, rule: { limit: platformPolicy.limit, windowMs } });
      return chargeFailure('pre_auth', address);
    },
  };

  function policyOf(stage: 'pre_auth' | 'post_auth', address: string): Policy {
    if (parts.trustedEgress.has(address)) return { name: stage, limit: limits.trustedEgress };
    return { name: stage, limit: stage === 'pre_auth' ? limits.ipPreAuth : limits.ipPostAuth };
  }
}

interface Policy {
  name: string;
  limit: number;
}

function toCharge(verdict: WindowVerdict | undefined, policy: Policy): Charge {
  if (verdict === undefined) return refuseUnavailable('Requests cannot be counted now.');
  if (!verdict.isAllowed) return refuseRate(policy, verdict.retryAfterMs);
  return {
    'ratelimit-policy': describe(policy),
    ratelimit: `"${policy.name}";r=${verdict.remaining};t=${Math.ceil(verdict.resetMs / 1_000)}`,
  };
}

function describe({ name, limit }: Policy): string {
  return `"${name}";q=${limit};w=${windowMs / 1_000}`;
}

/** RF-55. */
function refuseRate(policy: Policy, retryAfterMs: number): HttpRefusal {
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return refuse(429, ['rate_limited', `More than ${policy.limit} in ${windowMs / 1_000} s.`], {
    retryAfterSeconds,
    nextAction: `Wait ${retryAfterSeconds} s, then retry.`,
    headers: {
      'ratelimit-policy': describe(policy),
      ratelimit: `"${policy.name}";r=0;t=${retryAfterSeconds}`,
    },
  });
}
