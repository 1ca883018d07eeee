import {
  type AnyOperation,
  type AnyTool,
  defaultToolsets,
  laterWords,
  type Profile,
  withFields,
} from '@inferry/contracts';
import { inferry } from './inferry/profile.ts';
import { modelrunner } from './modelrunner/profile.ts';
import { runflow } from './runflow/profile.ts';
import { runpod, runpod4 } from './runpod/profile.ts';
import { runware } from './runware/profile.ts';

export { inferry } from './inferry/profile.ts';

/** Every profile of the product. */
export const profiles: readonly Profile[] = [
  // One line for each.
  inferry,
  modelrunner,
  runflow,
  runware,
  runpod,
  runpod4,
];

const byKey = new Map(profiles.map((profile) => [profile.key, profile]));

/** The canonical tools as profiles from files call them: the gateway, which has the file, says the words. */
export const fileTools: readonly AnyTool[] = inferry.tools.map((tool) =>
  withFields(tool, {
    id: `file/${tool.name}`,
    profile: { key: 'file', words: laterWords, codes: {} },
  }),
);

const byId = new Map<string, ReadonlyMap<string, AnyTool>>();

export function profileOf(key: string): Profile | undefined {
  return byKey.get(key);
}

/** The tool that a call names as `<profile>/<tool>`. */
export function toolOf(id: string): AnyTool | undefined {
  const [key = ''] = id.split('/', 1);
  let tools = byId.get(key);
  if (tools === undefined) {
    const own = key === 'file' ? fileTools : byKey.get(key)?.tools;
    if (own === undefined) return undefined;
    tools = new Map(own.map((tool) => [tool.id, tool]));
    byId.set(key, tools);
  }
  return tools.get(id);
}

/** The canonical tools that a client sees that asks for nothing in particular. */
export const listedByDefault: readonly AnyTool[] = inferry.tools.filter(({ operation }) =>
  defaultToolsets.includes(operation.toolset),
);

/** The canonical tool of an operation. */
export function canonicalTool(operation: Pick<AnyOperation, 'name'>): AnyTool {
  const tool = inferry.tools.find((one) => one.operation.name === operation.name);
  if (tool === undefined) throw new Error(`no tool leads to ${operation.name}`);
  return tool;
}
