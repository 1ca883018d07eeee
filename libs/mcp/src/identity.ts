import { appsExtension } from './apps/app-hosts.ts';
import { eventsExtension } from './events/event-methods.ts';
import { skillsExtension, skillsSettings } from './skills/skill-methods.ts';
import { tasksExtension } from './tasks/task-results.ts';
import { type Era, metaKeys } from './versions.ts';
import type { Icon, Implementation, ServerCapabilities } from './wire.ts';

/** How this server presents itself; a deployment can brand it. */
export interface ServerIdentity {
  serverInfo: Pick<Implementation, 'name' | 'version'> & { title: string };
  /** Told at the start alone: every result of the modern era repeats `serverInfo`. */
  icons: readonly Icon[];
  capabilities: Record<Era, ServerCapabilities>;
  instructions: string;
  /** What every result of the modern era begins with (MCP 2026-07-28, basic): that it is complete, and whose it is. */
  stamp: string;
}

export function createIdentity(
  serverInfo: ServerIdentity['serverInfo'],
  {
    hasSurfaces = true,
    toolsChange = false,
    hasEvents = false,
    icons = [],
    instructions,
  }: {
    hasSurfaces?: boolean;
    toolsChange?: boolean;
    hasEvents?: boolean;
    icons?: readonly Icon[];
    instructions(title: string): string;
  },
): ServerIdentity {
  return {
    serverInfo,
    icons,
    capabilities: {
      legacy: toCapabilities('legacy', hasSurfaces),
      modern: withEvents(
        withTools(toCapabilities('modern', hasSurfaces), { listChanged: toolsChange }),
        hasEvents,
      ),
    },
    instructions: instructions(serverInfo.title),
    stamp: `"resultType":"complete","_meta":{"${metaKeys.serverInfo}":${JSON.stringify(serverInfo)}}`,
  };
}

/** The types of events are those of the release. */
function withEvents(capabilities: ServerCapabilities, hasEvents: boolean): ServerCapabilities {
  if (!hasEvents) return capabilities;
  const { extensions } = capabilities;
  const events = { listChanged: false };
  // As the extension names itself, and as its draft did: there are clients of both.
  return { ...capabilities, events, extensions: { ...extensions, [eventsExtension]: events } };
}

function withTools(
  capabilities: ServerCapabilities,
  tools: Required<ServerCapabilities>['tools'],
): ServerCapabilities {
  return { ...capabilities, tools };
}

function toCapabilities(era: Era, hasSurfaces: boolean): ServerCapabilities {
  // The tools change with the deployment alone: saying otherwise makes clients hold a stream for it.
  const tools = { listChanged: false };
  const extensions = { [tasksExtension]: {} };
  if (!hasSurfaces) return era === 'modern' ? { tools, extensions } : { tools, logging: {} };
  // Legacy clients have no stream here that would tell them of a change.
  return era === 'modern'
    ? {
        tools,
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        extensions: { ...extensions, [skillsExtension]: skillsSettings, [appsExtension]: {} },
      }
    : {
        tools,
        prompts: { listChanged: false },
        resources: { listChanged: false },
        completions: {},
        logging: {},
        // Tasks are not told here: those of the legacy revisions are something else.
        extensions: { [skillsExtension]: skillsSettings, [appsExtension]: {} },
      };
}
