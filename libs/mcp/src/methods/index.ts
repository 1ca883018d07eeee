import type { Listener, Method } from '../exchange.ts';
import { taskMethods } from '../tasks/task-methods.ts';
import type { Era } from '../versions.ts';
import { onCancelled } from './cancelled.ts';
import { answerInitialize } from './initialize.ts';
import { answerPing } from './ping.ts';
import { answerServerDiscover } from './server-discover.ts';
import { type SurfaceDeps, surfaceMethods } from './surface-methods.ts';
import { answerToolsCall, type ToolsCallDeps } from './tools-call.ts';
import { listToolsLegacy, listToolsModern } from './tools-list.ts';

/** Everything that this server answers and listens to, by era: what is not here does not exist in that era. */
export interface MethodTable {
  methods: Readonly<Record<Era, ReadonlyMap<string, Method>>>;
  listeners: Readonly<Record<Era, ReadonlyMap<string, Listener>>>;
}

export function createMethodTable(deps: ToolsCallDeps & SurfaceDeps): MethodTable {
  const toolsCall = answerToolsCall(deps);
  const surface = surfaceMethods(deps);
  return {
    methods: {
      legacy: new Map([
        ['initialize', answerInitialize()],
        ['ping', answerPing],
        ['tools/list', listToolsLegacy],
        ['tools/call', toolsCall],
        ...surface.legacy,
      ]),
      modern: new Map([
        ['server/discover', answerServerDiscover()],
        ['tools/list', listToolsModern],
        ['tools/call', toolsCall],
        ...surface.modern,
        ...taskMethods(),
      ]),
    },
    listeners: {
      legacy: new Map([['notifications/cancelled', onCancelled(deps)]]),
      modern: new Map(),
    },
  };
}
