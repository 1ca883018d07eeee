import type { Bus } from '@inferry/bus';
import type { RunRounds } from '../client/rounds.ts';
import type { Method } from '../exchange.ts';
import { setLogLevel } from '../in-flight.ts';
import { skillMethods } from '../skills/skill-methods.ts';
import type { Surfaces } from '../surfaces/surfaces.ts';
import type { Era } from '../versions.ts';
import { complete } from './completion-complete.ts';
import { listPrompts, listResourceTemplates } from './memoised-lists.ts';
import { getPrompt } from './prompts-get.ts';
import { listResources } from './resources-list.ts';
import { readResource } from './resources-read.ts';
import { subscribeToResource } from './resources-subscribe.ts';
import { type ListenDeps, listen } from './subscriptions-listen.ts';

export interface SurfaceDeps extends ListenDeps {
  bus: Bus;
  surfaces: Surfaces;
  rounds: RunRounds;
}

/** Prompts, resources, skills, completion and what tells of their changes, by era. */
export function surfaceMethods(deps: SurfaceDeps): Record<Era, [string, Method][]> {
  const shared: [string, Method][] = [
    ['prompts/list', listPrompts(deps)],
    ['prompts/get', getPrompt(deps)],
    ['resources/list', listResources(deps)],
    ['resources/templates/list', listResourceTemplates(deps.surfaces)],
    ['resources/read', readResource(deps)],
    ['completion/complete', complete(deps)],
    ...skillMethods(deps.surfaces),
  ];
  return {
    legacy: [
      ...shared,
      ['logging/setLevel', setLogLevel],
      ['resources/subscribe', subscribeToResource(deps)],
      ['resources/unsubscribe', subscribeToResource(deps)],
    ],
    modern: [...shared, ['subscriptions/listen', listen(deps)]],
  };
}
