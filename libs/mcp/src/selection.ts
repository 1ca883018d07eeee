import { type AnyTool, defaultToolsets, toolsets } from '@inferry/contracts';
import { type Refusal, refuseParams } from './refusal.ts';

/** The part of the tools that a deployment offers, or that a request asks for. */
export interface Selection {
  toolsets: ReadonlySet<string>;
  excluded: ReadonlySet<string>;
  isReadOnly: boolean;
}

/** What a request asks for; every list and flag can only take away. */
export interface Asked {
  /** Lists of toolsets, which meet; empty: nothing in particular. */
  toolsets: readonly string[];
  /** Lists of tools, which add up. */
  excluded: readonly string[];
  isReadOnly: boolean;
}

/** The part of its profile that a tool is in. */
export function toolsetOf({ group, operation }: AnyTool): string {
  return group ?? operation.toolset;
}

export function offers({ toolsets: shown, excluded, isReadOnly }: Selection, tool: AnyTool): boolean {
  return (
    shown.has(toolsetOf(tool)) && !excluded.has(tool.name) && (!isReadOnly || tool.annotations.readOnlyHint)
  );
}

/** The same selection for the same question, as long as that is no question at all. */
export type Select = (asked?: Asked) => Selection | Refusal;

/** The parts that tools of a mount are in. */
interface MountParts {
  known: readonly string[];
  /** What is shown to whoever asks for nothing in particular. */
  usual: readonly string[];
}

const canonical: MountParts = { known: toolsets, usual: defaultToolsets };

/**
 * What a request selects of what the deployment offers: toolsets meet, exclusions add up, read-only is strict, and nothing is
 * remembered from an earlier request.
 */
export function createSelect(offered: Selection, mount: MountParts = canonical): Select {
  const plain = narrow(offered, mount, { toolsets: [], excluded: [], isReadOnly: false });
  return (asked) => {
    if (asked === undefined) return plain;
    const unknown = asked.toolsets.flatMap(items).find((name) => !isToolsetName(mount, name));
    if (unknown === undefined) return narrow(offered, mount, asked);
    return refuseParams([
      'validation_failed',
      `Unknown toolset. Known: ${[...mount.known, 'all', 'default'].join(', ')}.`,
    ]);
  };
}

function narrow(offered: Selection, mount: MountParts, asked: Asked): Selection {
  const named = asked.toolsets.length === 0 ? undefined : meet(mount, asked.toolsets);
  const shown = mount.known.filter(
    (name) => offered.toolsets.has(name) && (named?.has(name) ?? mount.usual.includes(name)),
  );
  return {
    toolsets: new Set(shown),
    excluded: new Set([...offered.excluded, ...asked.excluded.flatMap(items)]),
    isReadOnly: offered.isReadOnly || asked.isReadOnly,
  };
}

/** What all the lists name. */
function meet(mount: MountParts, lists: readonly string[]): ReadonlySet<string> {
  return lists
    .map((list) => new Set<string>(items(list).flatMap((name) => expand(mount, name))))
    .reduce((all, next) => all.intersection(next));
}

function expand({ known, usual }: MountParts, name: string): readonly string[] {
  if (name === 'all') return known;
  return name === 'default' ? usual : [name];
}

function isToolsetName({ known }: MountParts, name: string): boolean {
  return name === 'all' || name === 'default' || known.includes(name);
}

function items(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
