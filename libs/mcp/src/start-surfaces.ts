/** What services offer beside tools, with the subscriptions and the followed tasks of this process, started together. */
import type { Bus } from '@inferry/bus';
import { EventStreams } from './events/event-streams.ts';
import { type SubscriptionLimits, Subscriptions } from './subscriptions/subscriptions.ts';
import { Surfaces, type SurfacesOptions } from './surfaces/surfaces.ts';
import { FollowedTasks } from './tasks/followed-tasks.ts';

/** What services offer beside tools, and who is told when it changes. */
export interface SurfaceParts {
  surfaces: Surfaces;
  subscriptions: Subscriptions;
  followedTasks: FollowedTasks;
  /** Where the deployment has the Events extension. */
  eventStreams?: EventStreams;
  closeSurfaces(): void;
}

export function startSurfaces(
  bus: Bus,
  options: SurfacesOptions & { subscriptionLimits?: SubscriptionLimits; hasEvents?: boolean },
): SurfaceParts {
  const surfaces = new Surfaces(bus, options);
  const subscriptions = new Subscriptions(bus, options.subscriptionLimits);
  const followedTasks = new FollowedTasks(bus);
  const eventStreams =
    options.hasEvents === true ? new EventStreams(bus, options.subscriptionLimits) : undefined;
  surfaces.onChanged((lists) => subscriptions.tellLists(lists));
  return {
    surfaces,
    subscriptions,
    followedTasks,
    ...(eventStreams !== undefined && { eventStreams }),
    closeSurfaces() {
      surfaces.close();
      subscriptions.close();
      followedTasks.close();
      eventStreams?.close();
    },
  };
}
