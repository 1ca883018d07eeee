import { type AnyTool, isObject, type JsonObject, type TaskMapping } from '@inferry/contracts';
import { refuseCapabilities } from '../client/rounds.ts';
import type { Exchange } from '../exchange.ts';
import type { Refusal } from '../refusal.ts';
import { createTaskResult, isOver, takesTasks, tasksCapability } from './task-results.ts';

const needsTasks = refuseCapabilities(tasksCapability);

/** The extension is of the modern era; whoever does not declare it gets the plain result (SEP-2663). */
export function isTask(tool: AnyTool, { era, capabilities }: Exchange): boolean {
  return readerOf(tool) !== undefined && era === 'modern' && takesTasks(capabilities);
}

/** What reads the task in a result's structure: the reply's own reader where the structure is the reply. */
export function readerOf({
  operation: { task },
  readTask,
  toStructured,
}: AnyTool): TaskMapping['read'] | undefined {
  return task === undefined ? undefined : (readTask ?? (toStructured === undefined ? task.read : undefined));
}

/** Some tools cannot be called but as tasks. */
export function refuseWithoutTasks(tool: AnyTool, exchange: Exchange): Refusal | undefined {
  if (!tool.operation.task?.isRequired || isTask(tool, exchange)) return undefined;
  return needsTasks;
}

/** The arguments of a call: those of one that is to be a task say so where that is not said by its wait alone. */
export function toArguments(tool: AnyTool, exchange: Exchange): unknown {
  const given = exchange.request.params.arguments ?? {};
  const args = tool.toCall?.(given) ?? given;
  const detach = tool.operation.task?.detach;
  return detach !== undefined && isObject(args) && isTask(tool, exchange) ? detach(args) : args;
}

/** The task that a call made, if it goes on; else the result as it is. */
export function toTask(
  text: string,
  { tool, exchange, serverInfo }: { tool: AnyTool; exchange: Exchange; serverInfo: JsonObject },
): string {
  const read = readerOf(tool);
  if (read === undefined || !isTask(tool, exchange)) return text;
  // as: results are written by our own bus.
  const { structuredContent, isError } = JSON.parse(text) as JsonObject;
  const task = isObject(structuredContent) && !isError ? read(structuredContent) : undefined;
  return task === undefined || isOver(task) ? text : createTaskResult(task, serverInfo);
}
