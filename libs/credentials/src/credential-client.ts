/** Keys of platforms, asked for and held for a moment. */
import type { Bus, Subscription } from '@inferry/bus';
import {
  connectionChanged,
  grantRevoked,
  openCredential,
  type Principal,
  releaseCredential,
  reportCredential,
  type Secret,
  unlessAborted,
} from '@inferry/contracts';
import { createRecipient } from '@inferry/seals';
import type { z } from 'zod';
import { purposes } from './purposes.ts';

/**
 * Who needs a key: the principal of the call at hand, as it came; or what a run remembers of its caller, with what was
 * signed for it when it began.
 */
export type Holder = Pick<Principal, 'subject' | 'grant_id'> &
  Partial<Principal> & { grant?: string | undefined };

export interface GetOptions {
  signal?: AbortSignal | undefined;
  /** One of several connections to the same provider. */
  connectionId?: string | undefined;
}

/** The keys of providers, for whoever calls them. Keys are in memory only, for at most a minute. */
export interface CredentialClient {
  /**
   * The holder's key for a provider; undefined when they have none and the deployment has none. Rejects with
   * `unavailable` when nobody can be asked: that says nothing about the key.
   */
  get(provider: string, holder: Holder, options?: GetOptions): Promise<OpenedCredential | undefined>;
  /** Tells that the platform refused a key, and what came of it; the key is not used again before it is asked for anew. */
  report(provider: string, connectionId: string, holder: Holder): Promise<'ok' | 'rejected' | 'unknown'>;
  /**
   * Tells that the platform wants to be left alone for so long; true when the same owner has another key that can be
   * used meanwhile: the next `get` brings it.
   */
  reportLimit(
    provider: string,
    limited: { connectionId: string; seconds: number },
    holder: Holder,
  ): Promise<boolean>;
  /** Tells that a key which the holder brought along is no longer needed. */
  release(provider: string, holder: Holder): Promise<void>;
  close(): void;
}

export interface CredentialClientOptions {
  now?: () => number;
  /** Longest wait for an answer. */
  timeoutMs?: number;
  /** Keys kept at once. */
  maxKept?: number;
  /** Never kept for longer, whatever the answer says. */
  maxAgeMs?: number;
}

/** "There is none" is kept for a shorter time: whoever just added a key tries again soon. */
const absentMs = 5_000;
const maxLimitSeconds = 3_600;

/** Asks the auth service for keys, sealed to a key pair of this process, and keeps them in memory for a short time. */
export function createCredentialClient(
  bus: Pick<Bus, 'call' | 'on' | 'onStatus' | 'claim'>,
  options: CredentialClientOptions = {},
): CredentialClient {
  const { now = Date.now, timeoutMs = 5_000, maxKept = 10_000, maxAgeMs = 60_000 } = options;
  const recipient = createRecipient();
  const proof = bus.claim(recipient.publicKey);
  const kept = new KeptKeys({ now, maxKept });
  const asking = new Map<string, Promise<OpenedCredential | undefined>>();

  /** An answer that is on its way meanwhile is used once and not kept. */
  function forget(isStale: (one: KeptKey) => boolean): void {
    asking.clear();
    kept.forget(isStale);
  }

  async function ask(key: string, question: Question): Promise<OpenedCredential | undefined> {
    const { provider, holder, connectionId } = question;
    const asked = kept.epoch;
    const { credential } = await bus.call(
      openCredential,
      {
        provider,
        public_key: recipient.publicKey,
        ...(proof === undefined ? {} : { public_key_proof: proof }),
        ...(connectionId === undefined ? {} : { connection_id: connectionId }),
      },
      { ...onBehalfOf(holder), timeoutMs },
    );
    const value = credential === null ? undefined : opened(provider, credential);
    const lifeMs = credential === null ? absentMs : credential.expires_in_seconds * 1_000;
    if (asked === kept.epoch && lifeMs > 0) {
      const until = now() + Math.min(lifeMs, maxAgeMs);
      kept.set(key, { value, until, provider, grantId: holder.grant_id });
    }
    return value;
  }

  function opened(
    provider: string,
    { connection_id: connectionId, sealed, base_url: baseUrl, owner }: Answer,
  ): OpenedCredential {
    const credential = recipient.open(sealed, purposes.credential(provider, connectionId));
    return { credential, connectionId, baseUrl, owner };
  }

  function askOnce(key: string, question: Question): Promise<OpenedCredential | undefined> {
    const open = asking.get(key);
    if (open !== undefined) return open;
    const asked: Promise<OpenedCredential | undefined> = ask(key, question).finally(() => {
      if (asking.get(key) === asked) asking.delete(key);
    });
    asking.set(key, asked);
    return asked;
  }

  const subscriptions: Subscription[] = [
    // Of the whole provider: a holder without a key, or with the deployment's, may have a better one from now on.
    bus.on(connectionChanged, ({ provider }) => forget((one) => one.provider === provider)),
    bus.on(grantRevoked, ({ grant_id: grantId }) => forget((one) => one.grantId === grantId)),
  ];
  // What was said while this process could not hear is unknown.
  bus.onStatus((isConnected) => {
    if (isConnected) forget(() => true);
  });

  return {
    async get(provider, holder, { signal, connectionId } = {}) {
      signal?.throwIfAborted();
      const key = JSON.stringify([provider, holder.subject, holder.grant_id, connectionId]);
      const known = kept.get(key);
      if (known !== undefined) return known.value;
      const asked = askOnce(key, { provider, holder, connectionId });
      // Others may wait for the same answer, so an abort ends only this wait.
      return signal === undefined ? asked : unlessAborted(asked, signal);
    },
    ...createReports({ bus, timeoutMs, forget }),
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
      kept.forget(() => true);
    },
  };
}

/** What is told to the vault. */
function createReports({
  bus,
  timeoutMs,
  forget,
}: {
  bus: Pick<Bus, 'call'>;
  timeoutMs: number;
  forget(isStale: (one: KeptKey) => boolean): void;
}): Pick<CredentialClient, 'report' | 'reportLimit' | 'release'> {
  return {
    async report(provider, connectionId, holder) {
      forget((one) => one.value?.connectionId === connectionId);
      const input = { provider, connection_id: connectionId };
      const { outcome } = await bus.call(reportCredential, input, {
        ...onBehalfOf(holder),
        timeoutMs: 15_000,
      });
      return outcome;
    },
    async reportLimit(provider, { connectionId, seconds }, holder) {
      const input = {
        ...{ provider, connection_id: connectionId },
        limited_seconds: Math.min(maxLimitSeconds, Math.max(1, Math.ceil(seconds))),
      };
      const { has_other: hasOther = false } = await bus.call(reportCredential, input, {
        ...onBehalfOf(holder),
        timeoutMs,
      });
      if (hasOther) forget((one) => one.value?.connectionId === connectionId);
      return hasOther;
    },
    async release(provider, holder) {
      forget((one) => one.provider === provider && one.grantId === holder.grant_id);
      await bus.call(releaseCredential, { provider }, { ...onBehalfOf(holder), timeoutMs });
    },
  };
}

interface Question {
  provider: string;
  holder: Holder;
  connectionId: string | undefined;
}

type Answer = NonNullable<z.infer<typeof openCredential.output>['credential']>;

/** A principal is passed on as the very object that came: its signature goes with it. */
function onBehalfOf(holder: Holder): { principal: Principal; grant: string | undefined } {
  const { subject, grant_id: grantId, kind, scopes, grant } = holder;
  if (grant === undefined && isPrincipal(holder)) return { principal: holder, grant };
  return { principal: { subject, grant_id: grantId, kind: kind ?? 'local', scopes: scopes ?? [] }, grant };
}

function isPrincipal(holder: Holder): holder is Principal {
  return holder.kind !== undefined && holder.scopes !== undefined;
}

/** A key as it goes to a provider's adapter. */
export interface OpenedCredential {
  credential: Secret;
  connectionId: string;
  baseUrl: string | undefined;
  /** Whose it is. */
  owner?: 'deployment' | 'team' | 'user' | undefined;
}

interface KeptKey {
  /** Undefined: there is none. */
  value: OpenedCredential | undefined;
  until: number;
  provider: string;
  grantId: string;
}

/** Keys in memory: so many at most, each until its time, the oldest forgotten first. */
class KeptKeys {
  readonly #kept = new Map<string, KeptKey>();
  readonly #options: { now(): number; maxKept: number };
  #epoch = 0;

  constructor(options: { now(): number; maxKept: number }) {
    this.#options = options;
  }

  /** Grows whenever something is to be forgotten: what was asked for before is out of date. */
  get epoch(): number {
    return this.#epoch;
  }

  get(key: string): KeptKey | undefined {
    const one = this.#kept.get(key);
    if (one === undefined || one.until > this.#options.now()) return one;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, one: KeptKey): void {
    this.#kept.delete(key);
    this.#kept.set(key, one);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > this.#options.maxKept && !oldest.done) this.#kept.delete(oldest.value);
  }

  forget(isStale: (one: KeptKey) => boolean): void {
    this.#epoch += 1;
    for (const [key, one] of this.#kept) if (isStale(one)) this.#kept.delete(key);
  }
}
