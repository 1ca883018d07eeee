/** Runware's tasks by HTTP and WebSocket, its catalogue and its schemas, after its clients of July 2026. */
import { isObject } from '@inferry/contracts';
import { z } from 'zod';
import type { Answer, EmulatorDefinition, RouteKind } from '../kit/index.ts';
import { catalogRoutes } from './catalog-routes.ts';
import { acceptRunwareSocket } from './socket.ts';
import { answerTask } from './tasks.ts';
import type { Task } from './utilities.ts';

const Tasks = z.array(z.looseObject({ taskType: z.string(), taskUUID: z.string().optional() })).min(1);

const kinds: Readonly<Record<string, RouteKind>> = {
  getResponse: 'status',
  getTaskDetails: 'other',
  mediaStorage: 'upload',
  accountManagement: 'balance',
  modelSearch: 'other',
  modelUpload: 'other',
  ping: 'other',
};

function says(
  status: number,
  code: string,
  { message, parameter }: { message: string; parameter?: string },
): Answer {
  return { status, body: { errors: [{ code, message, ...(parameter !== undefined && { parameter }) }] } };
}

export const runwareEmulator: EmulatorDefinition = {
  slug: 'runware',
  title: 'Runware',
  bases: ['content', 'schemas'],
  keyPrefix: 'emulated-rw-',
  failures: {
    bad_key: () => says(401, 'invalidApiKey', { message: 'Invalid API key.' }),
    no_credit: () => says(402, 'insufficientCredits', { message: 'Insufficient credits.' }),
    unknown_model: (detail) =>
      says(400, 'modelNotFound', { message: `Model ${detail} not found.`, parameter: 'model' }),
    unknown_job: () => says(404, 'taskNotFound', { message: 'Task not found.' }),
    validation: (parameter) =>
      says(400, 'invalidParameter', { message: `Invalid value: ${parameter}`, parameter }),
    rate_limited: () => says(429, 'rateLimitExceeded', { message: 'Too many tasks.' }),
    server_error: () => says(500, 'internalServerError', { message: 'Try again.' }),
    unknown_route: () => says(404, 'notFound', { message: 'Not found.' }),
  },
  quirks: {
    pending_word: 'pending instead of processing, as older documents say',
    errors_apart: 'a task that failed is told among the errors and not among the data',
    empty_success: 'a success without a result',
    refuse_200: 'a task that is refused is told with 200 instead of 400',
  },
  routes: (emulator) => [
    ...catalogRoutes(),
    {
      method: 'POST',
      path: '',
      kind: (body) => kinds[taskTypeIn(body)] ?? 'submit',
      headers: ['x-runware-dry-run'],
      body: Tasks,
      handle({ body }) {
        // as: parsed by the route's schema.
        const replies = (body as Task[]).map((task) => answerTask(emulator, task));
        const data = replies.flatMap((reply) => reply.data ?? []);
        const errors = replies.flatMap((reply) => reply.errors ?? []);
        return { ...(data.length > 0 && { data }), ...(errors.length > 0 && { errors }) };
      },
    },
  ],
  acceptSocket: acceptRunwareSocket,
};

function taskTypeIn(body: unknown): string {
  const [first] = Array.isArray(body) ? body : [];
  return isObject(first) ? String(first.taskType) : '';
}
