/** What one request is offered: the profile of the mount that it came to, with everything that is made once for it. */
import type { Bus } from '@inferry/bus';
import type { AnyTool, Profile } from '@inferry/contracts';
import { createIdentity, type ServerIdentity } from './identity.ts';
import {
  createSelect,
  createToolViews,
  type Select,
  type Selection,
  toolsetOf,
  type ViewTools,
} from './selection.ts';
import { createTasks, type Tasks } from './tasks/tasks.ts';
import type { Icon } from './wire.ts';

/** A mount as its clients meet it. */
export interface Offer {
  profile: Profile;
  identity: ServerIdentity;
  /** The part of its tools that a request asks for; all that the deployment offers of them without a question. */
  select: Select;
  /** What is selected without a question. */
  plain: ReturnType<Select>;
  viewTools: ViewTools;
  tasks: Tasks;
}

export interface OfferParts {
  bus: Bus;
  /** The deployment's own; a profile that names itself does so in its place. */
  serverInfo: ServerIdentity['serverInfo'];
  icons: readonly Icon[];
  /** Variables of the deployment that the versions of profiles tell. */
  settings?: Readonly<Record<string, string>>;
  hasSurfaces: boolean;
  /** What the deployment offers of any profile. */
  offered: Selection;
  /** Of services that are not part of the product: they belong to the canonical mount. */
  extraTools: readonly AnyTool[];
  /** Whether its tools change while it is served. */
  toolsChange?: boolean;
  /** Whether the canonical mount has the Events extension. */
  hasEvents?: boolean;
}

export function createOffer(profile: Profile, parts: OfferParts): Offer {
  const { bus, offered, hasSurfaces } = parts;
  const isCanonical = profile.key === 'inferry';
  const tools = isCanonical ? [...profile.tools, ...parts.extraTools] : profile.tools;
  const open = tools.filter(({ operation }) => offered.toolsets.has(operation.toolset));
  const own = [...new Set(open.map((tool) => toolsetOf(tool)))];
  const select = isCanonical
    ? createSelect(offered)
    : createSelect({ ...offered, toolsets: new Set(own) }, { known: own, usual: own });
  return {
    profile,
    identity: createIdentity(
      withNote({ ...parts.serverInfo, ...profile.serverInfo }, profile, parts.settings),
      {
        hasSurfaces,
        toolsChange: parts.toolsChange === true,
        hasEvents: isCanonical && parts.hasEvents === true,
        icons: profile.icons ?? parts.icons,
        instructions: profile.instructions,
      },
    ),
    select,
    plain: select(),
    viewTools: createToolViews(open),
    tasks: createTasks({ bus, tools, words: profile.words }),
  };
}

function withNote(
  serverInfo: ServerIdentity['serverInfo'],
  { versionNote }: Profile,
  settings: Readonly<Record<string, string>> = {},
): ServerIdentity['serverInfo'] {
  if (versionNote === undefined) return serverInfo;
  const own = Object.entries(settings).filter(([name]) => name.startsWith(versionNote.prefix));
  return { ...serverInfo, version: `${serverInfo.version} [${versionNote.say(Object.fromEntries(own))}]` };
}
