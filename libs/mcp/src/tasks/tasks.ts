import type { Bus } from '@inferry/bus';
import {
  type AnyOperation,
  type AnyTool,
  hasScope,
  inWords,
  isObject,
  type JsonObject,
  type OperationCall,
  type Principal,
  type TaskMapping,
  type TaskState,
  type Words,
} from '@inferry/contracts';
import { isRefusal, type Refusal, refuse, refuseParams, rpcCodes } from '../json-rpc.ts';
import { detailedTask } from './task-results.ts';

export interface TaskDeps {
  bus: Bus;
  /** Every tool that a task can come from. */
  tools: readonly AnyTool[];
  /** Of the mount. */
  words: Words;
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
  /** One of the calls that its mapping makes of the id of a task. */
  call(caller: TaskCaller, id: string, next: OperationCall): Promise<ToolAnswer | Refusal>;
  /** Rejects when the service cannot be asked. */
  read(caller: TaskCaller, id: string): Promise<TaskView | Refusal>;
}

export const unknownTask = refuseParams(['task_not_found', 'There is no such task.']);
/** These calls wait for nothing: a client has their answer within three seconds. */
const timeoutMs = 2_500;
const maxIdLength = 200;
/** Codes with which a service says that it knows no such record, or none of this caller's. */
const unknownCodes = new Set<unknown>(['run_not_found', 'task_not_found', 'validation_failed']);

export function createTasks({ bus, tools, words }: TaskDeps): Tasks {
  const makers = tools.filter((tool) => readerOf(tool) !== undefined);

  function makerOf(id: string): AnyTool | undefined {
    if (id.length > maxIdLength) return undefined;
    return makers.find(({ operation: { task } }) => task !== undefined && id.startsWith(task.idPrefix));
  }

  /** The tool that shows the reply of another operation: the one that leads to it, else the one that made the task. */
  function showing(id: string, operation: AnyOperation): AnyTool | undefined {
    return tools.find((tool) => tool.operation.name === operation.name) ?? makerOf(id);
  }

  async function call(
    { principal, signal }: TaskCaller,
    id: string,
    { operation, input }: OperationCall,
  ): Promise<ToolAnswer | Refusal> {
    const { scope } = operation;
    if (!hasScope(principal.scopes, scope)) {
      return refuse(['insufficient_scope', `This needs the scope ${scope}.`], {
        data: { required_scope: scope },
      });
    }
    const tool = showing(id, operation);
    if (tool === undefined) return unknownTask;
    const wait = { defaultSeconds: 0, maxSeconds: 0 };
    const options = { operation, principal, wait, timeoutMs, signal };
    return readAnswer(inWords(await bus.callTool(tool, input, options), words));
  }

  return {
    mappingOf: (id) => makerOf(id)?.operation.task,
    call,
    async read(caller, id) {
      const maker = makerOf(id);
      const mapping = maker?.operation.task;
      if (maker === undefined || mapping === undefined) return unknownTask;
      const next = mapping.get(id);
      const answer = await call(caller, id, next);
      if (isRefusal(answer)) return answer satisfies Refusal;
      const shown = showing(id, next.operation);
      const read = shown === maker ? (readerOf(maker) ?? mapping.read) : (shown?.readTask ?? mapping.read);
      const state = read(answer.structured);
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
  return refuse(['unavailable', 'The task cannot be read now.'], {
    rpcCode: rpcCodes.internal,
    retryAfterSeconds: 2,
  });
}

/** What reads the task in a result's structure: the reply's own reader where the structure is the reply. */
export function readerOf({
  operation: { task },
  readTask,
  toStructured,
}: AnyTool): TaskMapping['read'] | undefined {
  return task === undefined ? undefined : (readTask ?? (toStructured === undefined ? task.read : undefined));
}
