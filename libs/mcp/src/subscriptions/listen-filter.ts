import { isObject } from '@inferry/contracts';
import { type Refusal, refuseParams } from '../json-rpc.ts';
import type { SubscriptionFilter } from '../wire.ts';

export const maxSubscribedUris = 100;
const maxUriLength = 2_048;
export const maxFollowedTasks = 100;

const flags = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const;

/** `params.notifications` of `subscriptions/listen`; fields that this server does not know are passed over. */
export function readListenFilter(value: unknown): SubscriptionFilter | Refusal {
  if (!isObject(value)) return refuseFilter('params.notifications must be an object.');
  const filter: SubscriptionFilter = {};
  for (const flag of flags) {
    const wanted = value[flag];
    if (wanted !== undefined && typeof wanted !== 'boolean')
      return refuseFilter(`${flag} must be a boolean.`);
    if (wanted === true) filter[flag] = true;
  }
  const { resourceSubscriptions: uris = [], taskIds = [] } = value;
  if (!isTexts(uris, maxSubscribedUris)) {
    return refuseFilter(`resourceSubscriptions must be a list of at most ${maxSubscribedUris} URIs.`);
  }
  if (!isTexts(taskIds, maxFollowedTasks)) {
    return refuseFilter(`taskIds must be a list of at most ${maxFollowedTasks} ids.`);
  }
  if (uris.length > 0) filter.resourceSubscriptions = [...new Set(uris)];
  if (taskIds.length > 0) filter.taskIds = [...new Set(taskIds)];
  return filter;
}

function isTexts(value: unknown, maxItems: number): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= maxItems &&
    value.every((item) => typeof item === 'string' && item.length <= maxUriLength)
  );
}

function refuseFilter(message: string): Refusal {
  return refuseParams(['validation_failed', message]);
}
