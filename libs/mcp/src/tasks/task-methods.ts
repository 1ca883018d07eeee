import { isObject, type OperationCall, type TaskMapping } from '@inferry/contracts';
import { refuseCapabilities } from '../client/rounds.ts';
import type { Exchange, Method, Reply } from '../exchange.ts';
import { isRefusal, type Refusal, refuseParams } from '../json-rpc.ts';
import { refuseFailure } from '../surfaces/refuse-failure.ts';
import { takesTasks, tasksCapability } from './task-results.ts';
import { type TaskCaller, type Tasks, unknownTask } from './tasks.ts';

export const needsTasks = refuseCapabilities(tasksCapability);

/** The Tasks extension: tasks are records of services, so any replica answers. */
export function taskMethods(): [string, Method][] {
  return [
    ['tasks/get', withTask(readTask)],
    ['tasks/cancel', withTask(cancelTask)],
    ['tasks/update', withTask(updateTask)],
  ];
}

interface Found {
  id: string;
  mapping: TaskMapping;
  exchange: Exchange;
  caller: TaskCaller;
  tasks: Tasks;
}

function withTask(handle: (found: Found) => Promise<Reply>): Method {
  return async (exchange) => {
    if (!takesTasks(exchange.capabilities)) return needsTasks;
    const { taskId: id } = exchange.request.params;
    if (typeof id !== 'string') return refuseParams(['validation_failed', 'params.taskId must be a string.']);
    const { tasks } = exchange.offer;
    const mapping = tasks.mappingOf(id);
    if (mapping === undefined) return unknownTask;
    const { principal, channel } = exchange;
    try {
      return await handle({ id, mapping, exchange, caller: { principal, signal: channel.signal }, tasks });
    } catch (error) {
      return refuseFailure(error);
    }
  };
}

async function readTask({ id, caller, tasks }: Found): Promise<Reply> {
  const view = await tasks.read(caller, id);
  return isRefusal(view) ? (view satisfies Refusal) : view.text;
}

/** An acknowledgement and nothing else: what became of the task is read. */
async function acknowledge({ id, caller, tasks }: Found, next: OperationCall): Promise<Reply> {
  const answer = await tasks.call(caller, id, next);
  return isRefusal(answer) ? answer : '{}';
}

async function cancelTask(found: Found): Promise<Reply> {
  return acknowledge(found, found.mapping.cancel(found.id));
}

async function updateTask(found: Found): Promise<Reply> {
  const { id, mapping, exchange } = found;
  const { inputResponses } = exchange.request.params;
  if (!isObject(inputResponses)) {
    return refuseParams(['validation_failed', 'params.inputResponses must be an object.']);
  }
  return acknowledge(found, mapping.update?.(id, inputResponses) ?? mapping.get(id));
}
