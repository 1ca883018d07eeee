import type { Bus } from '@inferry/bus';
import { type SubscriptionLimits, Subscriptions } from '../subscriptions/subscriptions.ts';
import { FollowedTasks } from '../tasks/followed-tasks.ts';
import { Surfaces, type SurfacesOptions } from './surfaces.ts';

/** What services offer beside tools, and who is told when it changes. */
export interface SurfaceParts {
  surfaces: Surfaces;
  subscriptions: Subscriptions;
  followedTasks: FollowedTasks;
  closeSurfaces(): void;
}

export function startSurfaces(
  bus: Bus,
  options: SurfacesOptions & { subscriptionLimits?: SubscriptionLimits },
): SurfaceParts {
  const surfaces = new Surfaces(bus, options);
  const subscriptions = new Subscriptions(bus, options.subscriptionLimits);
  const followedTasks = new FollowedTasks(bus);
  surfaces.onChanged((lists) => subscriptions.tellLists(lists));
  return {
    surfaces,
    subscriptions,
    followedTasks,
    closeSurfaces() {
      surfaces.close();
      subscriptions.close();
      followedTasks.close();
    },
  };
}
