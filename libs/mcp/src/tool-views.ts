import { type AnyTool, hasScope, Recent, type Scope } from '@inferry/contracts';
import { offers, type Selection } from './selection.ts';
import type { ListedTool } from './wire.ts';

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

/** Views are made once each and kept while they are in use; there are few, however many callers there are. */
export function createToolViews(tools: readonly AnyTool[]): ViewTools {
  const listed = writtenOnce(toListed);
  const listedForApps = writtenOnce(toListedForApps);
  const bySelection = new WeakMap<Selection, Recent<ToolView>>();

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
      views = new Recent<ToolView>(8);
      bySelection.set(selection, views);
    }
    const key = scopes.length === 1 ? (scopes[0] ?? '') : scopes.join(' ');
    const known = views.get(key);
    if (known !== undefined) return known;
    const view = create(selection, scopes);
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
