import type { Bus, Subscription } from '@inferry/bus';
import { resourceUpdated, runFinished, runProgressed } from '@inferry/contracts';
import type { Channel } from '../exchange.ts';
import type { ChangedList } from '../surfaces/surfaces.ts';
import type { Change, ListenSubscription } from './subscription.ts';

export interface SubscriptionLimits {
  /** Open at once in this process. */
  perProcess: number;
  /** Open at once by one grant. */
  perGrant: number;
}

export const defaultSubscriptionLimits: SubscriptionLimits = { perProcess: 5_000, perGrant: 50 };

/** Changes within this time are told together. */
const gatherMs = 50;
/** When a client that did not read is tried again. */
const retryMs = 1_000;

interface Update {
  uri: string;
  /** Whose it is; undefined: everybody's. */
  subject: string | undefined;
  /** The resources below this one changed too. */
  isDeep: boolean;
}

/**
 * The open `subscriptions/listen` of this replica. Every replica hears every event, so it does not matter which one a
 * client is connected to; events of resources are listened to only while somebody wants them.
 */
export class Subscriptions {
  readonly #bus: Bus;
  readonly #limits: SubscriptionLimits;
  readonly #open = new Set<ListenSubscription>();
  readonly #byGrant = new Map<string, number>();
  /** By each URI that is subscribed to and by everything above it. */
  readonly #byUri = new Map<string, Set<ListenSubscription>>();
  readonly #unsettled = new Set<ListenSubscription>();
  #events: readonly Subscription[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(bus: Bus, limits: SubscriptionLimits = defaultSubscriptionLimits) {
    this.#bus = bus;
    this.#limits = limits;
    bus.onStatus((isConnected) => {
      if (isConnected) this.#tellAllUris();
    });
  }

  get size(): number {
    return this.#open.size;
  }

  isFull(grantId: string): boolean {
    return (
      this.#open.size >= this.#limits.perProcess || (this.#byGrant.get(grantId) ?? 0) >= this.#limits.perGrant
    );
  }

  /** Tells a subscriber of changes until its client goes (false) or the process wants to end it (true). */
  async hold(
    subscription: ListenSubscription,
    { grantId, channel, follow }: { grantId: string; channel: Channel; follow(): () => void },
  ): Promise<boolean> {
    this.#add(subscription, grantId);
    const unfollow = follow();
    try {
      return await endOf(channel);
    } finally {
      unfollow();
      this.#remove(subscription, grantId);
    }
  }

  /** Nothing is told to one that is over. */
  tell(subscription: ListenSubscription, change: Change): void {
    if (this.#open.has(subscription)) this.#offer(subscription, change);
  }

  tellLists(lists: ReadonlySet<ChangedList>): void {
    for (const subscription of this.#open) {
      for (const list of lists) this.#offer(subscription, { list });
    }
  }

  /** The tools of one mount are others. */
  tellTools(mount: string): void {
    for (const subscription of this.#open) {
      if (subscription.mount === mount) this.#offer(subscription, { list: 'tools' });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stopListening();
  }

  #add(subscription: ListenSubscription, grantId: string): void {
    this.#open.add(subscription);
    this.#byGrant.set(grantId, (this.#byGrant.get(grantId) ?? 0) + 1);
    for (const key of keysOf(subscription)) {
      const holders = this.#byUri.get(key);
      if (holders === undefined) this.#byUri.set(key, new Set([subscription]));
      else holders.add(subscription);
    }
    if (this.#byUri.size > 0 && this.#events.length === 0) this.#listen();
  }

  #remove(subscription: ListenSubscription, grantId: string): void {
    this.#open.delete(subscription);
    this.#unsettled.delete(subscription);
    const left = (this.#byGrant.get(grantId) ?? 1) - 1;
    if (left === 0) this.#byGrant.delete(grantId);
    else this.#byGrant.set(grantId, left);
    for (const key of keysOf(subscription)) {
      const holders = this.#byUri.get(key);
      holders?.delete(subscription);
      if (holders?.size === 0) this.#byUri.delete(key);
    }
    if (this.#byUri.size === 0) this.#stopListening();
  }

  #listen(): void {
    this.#events = [
      this.#bus.on(resourceUpdated, ({ uri, subject }) => this.#update({ uri, subject, isDeep: false })),
      this.#bus.on(runProgressed, ({ run_id: runId, subject }) =>
        this.#update({ uri: `inferry://runs/${runId}`, subject, isDeep: false }),
      ),
      // Its outputs are there now.
      this.#bus.on(runFinished, ({ run_id: runId, subject }) =>
        this.#update({ uri: `inferry://runs/${runId}`, subject, isDeep: true }),
      ),
    ];
  }

  /** Events of the time without a connection are lost: whoever follows a resource reads it again. */
  #tellAllUris(): void {
    for (const subscription of this.#open) {
      for (const uri of subscription.uris) this.#offer(subscription, { uri });
    }
  }

  #stopListening(): void {
    for (const subscription of this.#events) subscription.unsubscribe();
    this.#events = [];
  }

  #update({ uri, subject, isDeep }: Update): void {
    for (const subscription of this.#byUri.get(uri) ?? []) {
      // Somebody else's resource changes in silence, as if it did not exist.
      if (subject !== undefined && subject !== subscription.subject) continue;
      for (const wanted of subscription.uris) {
        if (wanted === uri || (isDeep && wanted.startsWith(`${uri}/`)))
          this.#offer(subscription, { uri: wanted });
      }
    }
  }

  #offer(subscription: ListenSubscription, change: Change): void {
    if (!subscription.add(change)) return;
    this.#unsettled.add(subscription);
    this.#schedule(gatherMs);
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#flush(), delayMs).unref();
  }

  #flush(): void {
    this.#timer = undefined;
    for (const subscription of this.#unsettled) {
      if (subscription.flush()) this.#unsettled.delete(subscription);
    }
    if (this.#unsettled.size > 0) this.#schedule(retryMs);
  }
}

/** Each URI, and what is above it: `a://b/c/d` is found by `a://b/c` too. */
function keysOf({ uris }: ListenSubscription): Set<string> {
  const keys = new Set(uris);
  for (const uri of uris) {
    const start = uri.indexOf('://') + 3;
    let end = uri.lastIndexOf('/');
    for (let depth = 0; end > start && depth < 4; depth++) {
      keys.add(uri.slice(0, end));
      end = uri.lastIndexOf('/', end - 1);
    }
  }
  return keys;
}

/** True when this process asks for the end, false when nobody is there any more. */
async function endOf(channel: Channel): Promise<boolean> {
  const { life } = channel;
  if (life.isCancelled || life.isFinishing) return life.isFinishing;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  life.attach({
    cancel: () => resolve(channel.stopReason !== 'gone' && channel.stopReason !== 'cancelled'),
    finish: () => resolve(true),
  });
  return promise;
}
