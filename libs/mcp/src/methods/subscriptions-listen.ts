import type { Method, Reply } from '../exchange.ts';
import type { ServerIdentity } from '../identity.ts';
import type { RequestId } from '../json-rpc.ts';
import { isRefusal, type Refusal, refuse, rpcCodes } from '../json-rpc.ts';
import { readListenFilter } from '../subscriptions/listen-filter.ts';
import { ListenSubscription } from '../subscriptions/subscription.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { type OfferedSurface, ownerOfUri, type Surfaces } from '../surfaces/surfaces.ts';
import type { FollowedTasks } from '../tasks/followed-tasks.ts';
import { needsTasks } from '../tasks/task-methods.ts';
import { takesTasks } from '../tasks/task-results.ts';
import { metaKeys } from '../versions.ts';
import type { SubscriptionFilter } from '../wire.ts';

export interface ListenDeps {
  surfaces: Surfaces;
  subscriptions: Subscriptions;
  followedTasks: FollowedTasks;
}

const full = refuse(['busy', 'Too many subscriptions are open.'], {
  rpcCode: rpcCodes.internal,
  retryAfterSeconds: 30,
  nextAction: 'Close one of them, or read the lists again from time to time.',
});

/**
 * A stream of changes (MCP 2026-07-28, subscriptions): first what will be told, then that, and at the end of this
 * process an empty result, so that the client knows to listen somewhere else.
 */
export function listen({ surfaces, subscriptions, followedTasks }: ListenDeps): Method {
  /** Whoever may see nothing, or wants nothing, is told so and not held. */
  function honoured(
    asked: SubscriptionFilter,
    offered: readonly OfferedSurface[],
    { capabilities }: ServerIdentity,
  ): SubscriptionFilter {
    const { prompts, resources, tools } = capabilities.modern;
    const uris = asked.resourceSubscriptions?.filter((uri) => ownerOfUri(offered, uri) !== undefined) ?? [];
    return {
      ...(asked.toolsListChanged && tools?.listChanged ? { toolsListChanged: true } : {}),
      ...(asked.promptsListChanged && prompts?.listChanged ? { promptsListChanged: true } : {}),
      ...(asked.resourcesListChanged && resources?.listChanged ? { resourcesListChanged: true } : {}),
      ...(uris.length > 0 && resources?.subscribe ? { resourceSubscriptions: uris } : {}),
    };
  }

  function end(id: RequestId, { serverInfo }: ServerIdentity): Reply {
    const meta = { [metaKeys.serverInfo]: serverInfo, [metaKeys.subscriptionId]: id };
    return JSON.stringify({ resultType: 'complete', _meta: meta });
  }

  return async (exchange) => {
    const { request, principal, channel, offer, capabilities: declared } = exchange;
    const asked = readListenFilter(request.params.notifications);
    if (isRefusal(asked)) return asked satisfies Refusal;
    const { taskIds = [] } = asked;
    if (taskIds.length > 0 && !takesTasks(declared)) return needsTasks;
    const { subject } = principal;
    const isFull = () => subscriptions.isFull(subject) || !followedTasks.hasRoom(taskIds.length);
    if (isFull()) return full;
    const { offered } = await surfaces.view(exchange);
    const tasks = await followedTasks.open(
      { principal, signal: channel.signal, tasks: offer.tasks },
      taskIds,
    );
    // Others came while the tasks were looked at.
    if (isFull()) return full;
    const filter = honoured(asked, offered, offer.identity);
    if (tasks.ids.length > 0) filter.taskIds = tasks.ids;
    const subscription = new ListenSubscription(filter, {
      ...{ id: request.id, subject, channel },
      mount: offer.profile.key,
    });
    subscription.acknowledge();
    if (Object.keys(filter).length === 0) return end(request.id, offer.identity);
    const follow = () => tasks.follow((task, text) => subscriptions.tell(subscription, { task, text }));
    const isEnd = await subscriptions.hold(subscription, { grantId: subject, channel, follow });
    return isEnd ? end(request.id, offer.identity) : undefined;
  };
}
