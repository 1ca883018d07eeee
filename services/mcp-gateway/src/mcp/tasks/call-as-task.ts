import { type AnyTool, isObject, type JsonObject } from '@inferry/contracts';
import type { Refusal } from '../../refusal.ts';
import { refuseCapabilities } from '../client/rounds.ts';
import type { Exchange } from '../exchange.ts';
import { createTaskResult, isOver, takesTasks, tasksCapability } from './task-results.ts';

const needsTasks = refuseCapabilities(tasksCapability);
/** The legacy era answers errors of a call in band. */
const needsNewEra = { ...needsTasks, status: 200 };

/** The extension is of the modern era; whoever does not declare it gets the plain result (SEP-2663). */
function isTask({ task }: AnyTool, { era, capabilities }: Exchange): boolean {
  return task !== undefined && era === 'modern' && takesTasks(capabilities);
}

/** Some tools cannot be called but as tasks. */
export function refuseWithoutTasks(tool: AnyTool, exchange: Exchange): Refusal | undefined {
  if (!tool.task?.isRequired || isTask(tool, exchange)) return undefined;
  return exchange.era === 'modern' ? needsTasks : needsNewEra;
}

/** The arguments of a call that is to be a task, so that it does not wait. */
export function toArguments(tool: AnyTool, exchange: Exchange): unknown {
  const args = exchange.request.params.arguments ?? {};
  return tool.task !== undefined && isObject(args) && isTask(tool, exchange) ? tool.task.detach(args) : args;
}

/** The task that a call made, if it goes on; else the result as it is. */
export function toTask(
  text: string,
  { tool, exchange, serverInfo }: { tool: AnyTool; exchange: Exchange; serverInfo: JsonObject },
): string {
  if (tool.task === undefined || !isTask(tool, exchange)) return text;
  // as: results are written by our own bus.
  const { structuredContent, isError } = JSON.parse(text) as JsonObject;
  const task = isObject(structuredContent) && !isError ? tool.task.read(structuredContent) : undefined;
  return task === undefined || isOver(task) ? text : createTaskResult(task, serverInfo);
}
