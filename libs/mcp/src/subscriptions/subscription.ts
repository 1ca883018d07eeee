import type { Channel } from '../exchange.ts';
import { notificationText, type RequestId } from '../json-rpc.ts';
import type { ChangedList } from '../surfaces/surfaces.ts';
import { metaKeys } from '../versions.ts';
import type { SubscriptionFilter } from '../wire.ts';

/** What a subscriber can be told: that a list or the resource of a URI changed, or what a task is now. */
export type Change = { list: ChangedList } | { uri: string } | { task: string; text: string };

const flagOf = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
} as const satisfies Record<ChangedList, keyof SubscriptionFilter>;

/** One open `subscriptions/listen`: what it asked for, and what it is still to be told. */
export class ListenSubscription {
  readonly subject: string;
  readonly uris: ReadonlySet<string>;
  /** Where it was opened: the lists of tools are of mounts. */
  readonly mount: string | undefined;
  readonly #filter: SubscriptionFilter;
  readonly #channel: Channel;
  readonly #meta: Record<string, RequestId>;
  /** Keyed by the change: one that happens twice before it is told is told once. */
  readonly #pending = new Map<string, Change>();

  constructor(
    filter: SubscriptionFilter,
    { id, subject, channel, mount }: { id: RequestId; subject: string; channel: Channel; mount?: string },
  ) {
    this.subject = subject;
    this.uris = new Set(filter.resourceSubscriptions);
    this.mount = mount;
    this.#filter = filter;
    this.#channel = channel;
    this.#meta = { [metaKeys.subscriptionId]: id };
  }

  /** The first frame says what will be told: a part of what was asked for. */
  acknowledge(): void {
    this.#channel.open();
    this.#send('notifications/subscriptions/acknowledged', { notifications: this.#filter });
  }

  /** True when it is to be told of the change. */
  add(change: Change): boolean {
    const isWanted = this.#isWanted(change);
    if (isWanted) this.#pending.set(keyOf(change), change);
    return isWanted;
  }

  /** True when everything is told; a client that does not read now is told later. */
  flush(): boolean {
    for (const [key, change] of this.#pending) {
      if (!this.#tell(change)) return false;
      this.#pending.delete(key);
    }
    return true;
  }

  #isWanted(change: Change): boolean {
    if ('list' in change) return this.#filter[flagOf[change.list]] === true;
    return 'uri' in change ? this.uris.has(change.uri) : this.#filter.taskIds?.includes(change.task) === true;
  }

  #tell(change: Change): boolean {
    if ('list' in change) return this.#send(`notifications/${change.list}/list_changed`, {});
    if ('uri' in change) return this.#send('notifications/resources/updated', { uri: change.uri });
    // The text is a JSON object of which nothing has to be known here.
    const params = `{"_meta":${JSON.stringify(this.#meta)},${change.text.slice(1)}`;
    return this.#channel.notify(`{"jsonrpc":"2.0","method":"notifications/tasks","params":${params}}`);
  }

  #send(method: string, params: object): boolean {
    return this.#channel.notify(notificationText(method, { ...params, _meta: this.#meta }));
  }
}

function keyOf(change: Change): string {
  if ('list' in change) return change.list;
  return 'uri' in change ? `uri ${change.uri}` : `task ${change.task}`;
}
