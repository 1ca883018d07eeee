import { isObject, type JsonObject, type TaskState } from '@inferry/contracts';
import { metaKeys } from '../versions.ts';
import type { TaskFields } from '../wire.ts';

/** The id of the Tasks extension (SEP-2663). */
export const tasksExtension = 'io.modelcontextprotocol/tasks';

/** What a client declares that takes tasks. */
export const tasksCapability: JsonObject = { extensions: { [tasksExtension]: {} } };

export function takesTasks({ extensions }: JsonObject): boolean {
  return isObject(extensions) && isObject(extensions[tasksExtension]);
}

export function isOver({ status }: TaskState): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

function toFields(task: TaskState): TaskFields {
  return {
    taskId: task.id,
    status: task.status,
    ...(task.message === undefined ? {} : { statusMessage: task.message }),
    createdAt: task.createdAt,
    lastUpdatedAt: task.updatedAt,
    ttlMs: task.ttlMs,
    pollIntervalMs: task.pollMs,
  };
}

/** The answer to the call that made the task: flat, and without what only reading it tells. */
export function createTaskResult(task: TaskState, serverInfo: JsonObject): string {
  return JSON.stringify({
    resultType: 'task',
    _meta: { [metaKeys.serverInfo]: serverInfo },
    ...toFields(task),
  });
}

/** The answer to `tasks/get`: what the task waits for, or how it ended. */
export function detailedTask(task: TaskState, result: JsonObject): string {
  return JSON.stringify({ ...toFields(task), ...outcomeOf(task, result) });
}

function outcomeOf(task: TaskState, result: JsonObject): JsonObject {
  if (task.status === 'input_required') return { inputRequests: task.inputRequests ?? {} };
  if (task.status === 'failed')
    return { error: task.error ?? { code: -32_603, message: 'The task failed.' } };
  if (task.status !== 'completed') return {};
  return { result: { resultType: 'complete', ...result, ...(task.isError ? { isError: true } : {}) } };
}
