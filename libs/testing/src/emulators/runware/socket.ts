import { isObject } from '@inferry/contracts';
import type { WebSocket } from 'ws';
import { type Emulator, type EmulatorDefinition, Refusal } from '../kit/index.ts';
import { answerTask } from './tasks.ts';
import type { Task } from './utilities.ts';

/** The same tasks over a socket: the first one says the key. Used by the official client alone. */
export const acceptRunwareSocket: NonNullable<EmulatorDefinition['acceptSocket']> = (emulator, { ws }) => {
  let isKnown = false;
  ws.on('message', (data) => {
    for (const task of parseTasks(String(data))) {
      if (task.taskType === 'authentication') {
        isKnown = task.apiKey === emulator.keys.valid;
        const error = { code: 'invalidApiKey', message: 'Invalid API key.', taskType: 'authentication' };
        const data = [{ taskType: 'authentication', connectionSessionUUID: emulator.uuid() }];
        send(ws, isKnown ? { data } : { errors: [error] });
      } else if (isKnown) send(ws, answer(emulator, task));
    }
  });
};

function answer(emulator: Emulator, task: Task): unknown {
  try {
    return answerTask(emulator, task);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { body } = error.answer;
    const errors = isObject(body) && Array.isArray(body.errors) ? body.errors.filter(isObject) : [];
    return { errors: errors.map((told) => ({ ...told, taskUUID: task.taskUUID, taskType: task.taskType })) };
  }
}

function parseTasks(text: string): Task[] {
  const parsed: unknown = JSON.parse(text);
  // as: every element has a task type, or it is answered as an unknown one.
  return (Array.isArray(parsed) ? parsed : [parsed]) as Task[];
}

function send(ws: WebSocket, message: unknown): void {
  ws.send(JSON.stringify(message));
}
