import type { Bus } from '@inferry/bus';
import {
  type AnyTool,
  hasScope,
  isObject,
  type JsonObject,
  type Principal,
  type TaskCall,
  type TaskMapping,
  type TaskState,
} from '@inferry/contracts';
import { isRefusal, type Refusal, refuse, refuseParams, rpcCodes } from '../../refusal.ts';
import { detailedTask } from './task-results.ts';

export interface TaskDeps {
  bus: Bus;
  /** Every tool that a task can come from. */
  tools: readonly AnyTool[];
}

/** On whose behalf a task is looked at, and until when that matters. */
export interface TaskCaller {
  principal: Principal;
  signal: AbortSignal;
}

/** A tool's result, read because what it says about the task is not for the client to take apart. */
export interface ToolAnswer {
  result: JsonObject;
  structured: JsonObject;
}

/** A task as it is now. */
export interface TaskView {
  state: TaskState;
  /** What `tasks/get` answers with. */
  text: string;
}

/** The records of services that are tasks, found by how their ids begin. */
export interface Tasks {
  mappingOf(id: string): TaskMapping | undefined;
  call(caller: TaskCaller, next: TaskCall): Promise<ToolAnswer | Refusal>;
  /** Rejects when the service cannot be asked. */
  read(caller: TaskCaller, id: string): Promise<TaskView | Refusal>;
}

export const unknownTask = refuseParams(['task_not_found', 'There is no such task.']);
/** These calls wait for nothing: a client has their answer within three seconds. */
const timeoutMs = 2_500;
const maxIdLength = 200;
/** Codes with which a service says that it knows no such record, or none of this caller's. */
const unknownCodes = new Set<unknown>(['run_not_found', 'task_not_found', 'validation_failed']);

export function createTasks({ bus, tools }: TaskDeps): Tasks {
  const mappings = tools.flatMap(({ task }) => (task === undefined ? [] : [task]));

  function mappingOf(id: string): TaskMapping | undefined {
    return id.length > maxIdLength ? undefined : mappings.find(({ idPrefix }) => id.startsWith(idPrefix));
  }

  async function call(
    { principal, signal }: TaskCaller,
    { tool, args }: TaskCall,
  ): Promise<ToolAnswer | Refusal> {
    if (!hasScope(principal.scopes, tool.scope)) {
      return refuse(403, ['insufficient_scope', `This needs the scope ${tool.scope}.`], {
        data: { required_scope: tool.scope },
      });
    }
    const wait = { defaultSeconds: 0, maxSeconds: 0 };
    return readAnswer(await bus.callTool(tool, args, { principal, wait, timeoutMs, signal }));
  }

  return {
    mappingOf,
    call,
    async read(caller, id) {
      const mapping = mappingOf(id);
      if (mapping === undefined) return unknownTask;
      const answer = await call(caller, mapping.get(id));
      if (isRefusal(answer)) return answer satisfies Refusal;
      const state = mapping.read(answer.structured);
      return state === undefined ? unknownTask : { state, text: detailedTask(state, answer.result) };
    },
  };
}

function readAnswer(text: string): ToolAnswer | Refusal {
  // as: results are written by our own bus.
  const result = JSON.parse(text) as JsonObject;
  const structured = isObject(result.structuredContent) ? result.structuredContent : {};
  const { error } = structured;
  if (result.isError !== true) return { result, structured };
  if (isObject(error) && unknownCodes.has(error.code)) return unknownTask;
  return refuse(200, ['unavailable', 'The task cannot be read now.'], {
    rpcCode: rpcCodes.internal,
    retryAfterSeconds: 2,
  });
}
