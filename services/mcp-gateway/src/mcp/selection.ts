import { type AnyTool, defaultToolsets, toolsets } from '@inferry/contracts';
import { Recent } from '@inferry/runtime';
import { type Refusal, refuse, rpcCodes } from '../refusal.ts';

/** The part of the tools that a deployment offers, or that a request asks for. */
export interface Selection {
  toolsets: ReadonlySet<string>;
  excluded: ReadonlySet<string>;
  isReadOnly: boolean;
}

/** Where a request can narrow the selection. */
export interface SelectionSource {
  /** Path and query as sent. */
  url: string;
  toolsetsHeader: string | undefined;
  excludeHeader: string | undefined;
  readOnlyHeader: string | undefined;
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

export type ReadSelection = (source: SelectionSource) => Selection | Refusal;

/** The parts that tools of a mount are in. */
interface MountParts {
  /** Of its profile; undefined for the canonical mount. */
  key?: string;
  known: readonly string[];
  /** What is shown to whoever asks for nothing in particular. */
  usual: readonly string[];
}

const canonical: MountParts = { known: toolsets, usual: defaultToolsets };

/**
 * Reads what a request selects of what the deployment offers: every source can only take away (toolsets meet,
 * exclusions add up, read-only is strict), and nothing is remembered from an earlier request.
 */
export function createSelectionReader(offered: Selection, mount: MountParts = canonical): ReadSelection {
  const seen = new Recent<Selection | Refusal>(200);
  const plain = narrow(offered, mount, { named: undefined, excluded: [], isReadOnly: false });
  const plainUrl = mount.key === undefined ? '/' : `/mcp/${mount.key}`;
  return (source) => {
    const { url, toolsetsHeader, excludeHeader, readOnlyHeader } = source;
    const hasHeaders =
      toolsetsHeader !== undefined || excludeHeader !== undefined || readOnlyHeader !== undefined;
    if (!hasHeaders && (url === '/mcp' || url === plainUrl)) return plain;
    const key = `${url}\n${toolsetsHeader ?? ''}\n${excludeHeader ?? ''}\n${readOnlyHeader ?? ''}`;
    if (key.length > 2_000) return refuseSelection('The selection of tools is too long.');
    const known = seen.get(key);
    if (known !== undefined) return known;
    const selection = readSelection(offered, mount, source);
    seen.set(key, selection);
    return selection;
  };
}

interface Asked {
  /** Undefined: nothing in particular. */
  named: ReadonlySet<string> | undefined;
  excluded: readonly string[];
  isReadOnly: boolean;
}

function readSelection(offered: Selection, mount: MountParts, source: SelectionSource): Selection | Refusal {
  const { pathname, searchParams } = new URL(source.url, 'http://gateway');
  const parts = pathname.split('/');
  // Below `/mcp` or below the mount of a profile.
  const at = parts[2] === 'x' ? 2 : 3;
  const isNarrowPath = parts[at] === 'x';
  const [inPath, last] = [parts[at + 1], parts[at + 2]];
  const lists = [
    isNarrowPath ? decode(inPath) : undefined,
    searchParams.get('toolsets') || undefined,
    source.toolsetsHeader,
  ].filter((list) => list !== undefined);
  const unknown = lists.flatMap(items).find((name) => !isToolsetName(mount, name));
  if (unknown !== undefined) {
    return refuseSelection(`Unknown toolset. Known: ${[...mount.known, 'all', 'default'].join(', ')}.`);
  }
  return narrow(offered, mount, {
    named: lists.length === 0 ? undefined : meet(mount, lists),
    excluded: [...items(searchParams.get('exclude') ?? ''), ...items(source.excludeHeader ?? '')],
    isReadOnly:
      (isNarrowPath && last === 'readonly') ||
      isTrue(searchParams.get('readonly')) ||
      isTrue(source.readOnlyHeader),
  });
}

function narrow(offered: Selection, mount: MountParts, asked: Asked): Selection {
  const shown = mount.known.filter(
    (name) => offered.toolsets.has(name) && (asked.named?.has(name) ?? mount.usual.includes(name)),
  );
  return {
    toolsets: new Set(shown),
    excluded: new Set([...offered.excluded, ...asked.excluded]),
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

/** Where one of several copies says so, it is so: a source can only take away. */
function isTrue(value: string | null | undefined): boolean {
  if (value === null || value === undefined) return false;
  return value === '' || items(value.toLowerCase()).some((item) => item === '1' || item === 'true');
}

function decode(segment: string | undefined): string {
  try {
    return decodeURIComponent(segment ?? '');
  } catch {
    // A broken escape names no toolset, and is refused as such.
    return '%';
  }
}

function refuseSelection(message: string): Refusal {
  return refuse(400, ['validation_failed', message], { rpcCode: rpcCodes.invalidParams });
}
