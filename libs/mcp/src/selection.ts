/** Which tools a request sees: what the deployment offers, what is asked for, and what the caller's scopes open. */
import {
  type AnyTool,
  allToolsets,
  defaultToolsets,
  hasScope,
  type Scope,
  toolsets,
} from '@inferry/contracts';
import { type Refusal, refuseParams } from './json-rpc.ts';
import type { ListedTool } from './wire.ts';

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

function offers({ toolsets: shown, excluded, isReadOnly }: Selection, tool: AnyTool): boolean {
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
  /** What `all` names, where that is not all of them. */
  all?: readonly string[];
}

const canonical: MountParts = { known: toolsets, usual: defaultToolsets, all: allToolsets };

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

function expand({ known, usual, all = known }: MountParts, name: string): readonly string[] {
  if (name === 'all') return all;
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

/** The tools of one selection under one set of scopes, with the answer to `tools/list` made once. */
export interface ToolView {
  byName: ReadonlyMap<string, AnyTool>;
  /** What the selection has and the scopes do not open, with the scope that would. */
  missingScopes: ReadonlyMap<string, Scope>;
  /** `{"tools":[...]}` */
  list: string;
  /** The same for hosts that show views: each tool that has one says where it is. */
  appList: string;
}

export type ViewTools = (selection: Selection, scopes: readonly string[]) => ToolView;

/** Sets of scopes that callers of one selection have: there are a few, whatever somebody may send. */
const maxViews = 8;

/** Views are made once each and kept while they are in use; there are few, however many callers there are. */
export function createToolViews(tools: readonly AnyTool[]): ViewTools {
  const listed = writtenOnce(toListed);
  const listedForApps = writtenOnce(toListedForApps);
  const bySelection = new WeakMap<Selection, Map<string, ToolView>>();

  function create(selection: Selection, scopes: readonly string[]): ToolView {
    let list: string | undefined;
    let appList: string | undefined;
    const offered = tools.filter((tool) => offers(selection, tool));
    const visible = offered.filter((tool) => hasScope(scopes, tool.operation.scope));
    const missing = offered.filter((tool) => !hasScope(scopes, tool.operation.scope));
    return {
      byName: new Map(visible.map((tool) => [tool.name, tool])),
      missingScopes: new Map(missing.map((tool) => [tool.name, tool.operation.scope])),
      get list() {
        list ??= toList(visible, listed);
        return list;
      },
      get appList() {
        appList ??= toList(visible, listedForApps);
        return appList;
      },
    };
  }

  return (selection, scopes) => {
    let views = bySelection.get(selection);
    if (views === undefined) {
      views = new Map();
      bySelection.set(selection, views);
    }
    const key = scopes.length === 1 ? (scopes[0] ?? '') : scopes.join(' ');
    const known = views.get(key);
    if (known !== undefined) return known;
    const view = create(selection, scopes);
    if (views.size >= maxViews) views.clear();
    views.set(key, view);
    return view;
  };
}

/** A tool is written once for all the lists that it is in, when the first of them is asked for. */
function writtenOnce(toFields: (tool: AnyTool) => ListedTool): (tool: AnyTool) => string {
  const texts = new Map<AnyTool, string>();
  return (tool) => {
    const text = texts.get(tool) ?? JSON.stringify(toFields(tool));
    texts.set(tool, text);
    return text;
  };
}

function toList(tools: readonly AnyTool[], write: (tool: AnyTool) => string): string {
  return `{"tools":[${tools.map(write).join(',')}]}`;
}

function toListedForApps(tool: AnyTool): ListedTool {
  return tool.ui === undefined ? toListed(tool) : { ...toListed(tool), _meta: { ui: tool.ui } };
}

function toListed(tool: AnyTool): ListedTool {
  const { name, title, description, annotations } = tool;
  // as: both are schemas of zod objects.
  const { inputSchema, outputSchema } = tool as unknown as Pick<ListedTool, 'inputSchema' | 'outputSchema'>;
  return { name, title, description, inputSchema, outputSchema, annotations: { title, ...annotations } };
}
