import {
  type AnyTool,
  defineOwnTool,
  ErrorEnvelope,
  isObject,
  type TaskState,
  text,
} from '@inferry/contracts';
import { z } from 'zod';

const hints = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };
const shared = {
  description: 'A tool of a test.',
  toolset: 'discover',
  scope: 'mcp',
  annotations: hints,
  output: z.object({
    said: z.string().optional(),
    task: z.record(z.string(), z.unknown()).optional(),
    error: ErrorEnvelope.optional(),
  }),
  present: ({ said = '' }: { said?: string | undefined }) => [text(said)],
} as const;

/** Asks its client for a name. */
export const askName = defineOwnTool({
  ...shared,
  name: 'ask_name',
  title: 'Ask',
  isInteractive: true,
  input: z.object({ greeting: z.string().optional() }),
});

/** Has an argument that proxies route by. */
export const routed = defineOwnTool({
  ...shared,
  name: 'routed',
  title: 'Routed',
  input: z.object({
    region: z.string().optional().meta({ 'x-mcp-header': 'Region' }),
    size: z.int().optional().meta({ 'x-mcp-header': 'Size' }),
  }),
});

const byId = z.object({ id: z.string() });
export const readWork = defineOwnTool({ ...shared, name: 'read_work', title: 'Read', input: byId });
export const stopWork = defineOwnTool({ ...shared, name: 'stop_work', title: 'Stop', input: byId });

/** Makes work that goes on. */
export const work = defineOwnTool({
  ...shared,
  name: 'work',
  title: 'Work',
  input: z.object({ detached: z.boolean().optional() }),
  task: {
    idPrefix: 'work_',
    isRequired: false,
    detach: (args) => ({ ...args, detached: true }),
    // as: the tests write nothing else into this field.
    read: ({ task }) => (isObject(task) ? (task as unknown as TaskState) : undefined),
    get: (id) => ({ operation: readWork.operation, input: { id } }),
    cancel: (id) => ({ operation: stopWork.operation, input: { id } }),
  },
});

/** Work that only clients with tasks can have. */
export const taskOnly = defineOwnTool({
  ...shared,
  name: 'task_only',
  title: 'Task only',
  input: z.object({}),
  task: { ...(work.operation.task ?? never()), isRequired: true },
});

export const tools: readonly AnyTool[] = [askName, routed, work, taskOnly];

function never(): never {
  throw new Error('work has a task');
}
