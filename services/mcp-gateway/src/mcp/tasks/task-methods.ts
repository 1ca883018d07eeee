import type { Bus } from '@inferry/bus';
import {
  type AnyTool,
  hasScope,
  isObject,
  type JsonObject,
  type TaskCall,
  type TaskMapping,
} from '@inferry/contracts';
import { isRefusal, type Refusal, refuse, refuseParams, rpcCodes } from '../../refusal.ts';
import { refuseCapabilities } from '../client/rounds.ts';
import type { Exchange, Method, Reply } from '../exchange.ts';
import { refuseFailure } from '../surfaces/refuse-failure.ts';
import { detailedTask, takesTasks, tasksCapability } from './task-results.ts';

export interface TaskDeps {
  bus: Bus;
  /** Every tool that a task can come from. */
  tools: readonly AnyTool[];
}

/** A tool's result, read because what it says about the task is not for the client to take apart. */
interface ToolAnswer {
  result: JsonObject;
  structured: JsonObject;
}

const unknownTask = refuseParams(['task_not_found', 'There is no such task.']);
const needsTasks = refuseCapabilities(tasksCapability);
const timeoutMs = 15_000;
/** Codes with which a service says that it knows no such record, or none of this caller's. */
const unknownCodes = new Set<unknown>(['run_not_found', 'task_not_found', 'validation_failed']);

/** The Tasks extension: tasks are records of services, found by how their ids begin, so any replica answers. */
export function taskMethods(deps: TaskDeps): [string, Method][] {
  return [
    ['tasks/get', withTask(deps, readTask)],
    ['tasks/cancel', withTask(deps, cancelTask)],
    ['tasks/update', withTask(deps, updateTask)],
  ];
}

interface Found {
  id: string;
  mapping: TaskMapping;
  exchange: Exchange;
  call(next: TaskCall): Promise<ToolAnswer | Refusal>;
}

function withTask({ bus, tools }: TaskDeps, handle: (found: Found) => Promise<Reply>): Method {
  const mappings = tools.flatMap(({ task }) => (task === undefined ? [] : [task]));
  return async (exchange) => {
    if (!takesTasks(exchange.capabilities)) return needsTasks;
    const { taskId: id } = exchange.request.params;
    if (typeof id !== 'string') return refuseParams(['validation_failed', 'params.taskId must be a string.']);
    const mapping = mappings.find(({ idPrefix }) => id.startsWith(idPrefix));
    if (mapping === undefined || id.length > 200) return unknownTask;
    try {
      return await handle({ id, mapping, exchange, call: (next) => callTool(bus, exchange, next) });
    } catch (error) {
      return refuseFailure(error);
    }
  };
}

async function readTask({ id, mapping, call }: Found): Promise<Reply> {
  const answer = await call(mapping.get(id));
  if (isRefusal(answer)) return answer satisfies Refusal;
  const task = mapping.read(answer.structured);
  return task === undefined ? unknownTask : detailedTask(task, answer.result);
}

/** An acknowledgement and nothing else: what became of the task is read. */
async function cancelTask({ id, mapping, call }: Found): Promise<Reply> {
  const answer = await call(mapping.cancel(id));
  return isRefusal(answer) ? answer : '{}';
}

async function updateTask({ id, mapping, exchange, call }: Found): Promise<Reply> {
  const { inputResponses } = exchange.request.params;
  if (!isObject(inputResponses)) {
    return refuseParams(['validation_failed', 'params.inputResponses must be an object.']);
  }
  const answer = await call(mapping.update?.(id, inputResponses) ?? mapping.get(id));
  return isRefusal(answer) ? answer : '{}';
}

async function callTool(
  bus: Bus,
  { principal, channel }: Exchange,
  { tool, args }: TaskCall,
): Promise<ToolAnswer | Refusal> {
  if (!hasScope(principal.scopes, tool.scope)) {
    return refuse(403, ['insufficient_scope', `This needs the scope ${tool.scope}.`], {
      data: { required_scope: tool.scope },
    });
  }
  const wait = { defaultSeconds: 0, maxSeconds: 0 };
  const text = await bus.callTool(tool, args, { principal, wait, timeoutMs, signal: channel.signal });
  return readAnswer(text);
}

export function readAnswer(text: string): ToolAnswer | Refusal {
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
