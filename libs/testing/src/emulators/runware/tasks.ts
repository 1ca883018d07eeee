import type { EmulatedJob, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { findRunwareModel } from './models.ts';

/** One task of a list. */
export interface Task {
  taskType: string;
  taskUUID?: string | undefined;
  [field: string]: unknown;
}

interface Reply {
  data?: unknown[];
  errors?: unknown[];
}

const platformFields = [
  'taskType',
  'taskUUID',
  'model',
  'deliveryMethod',
  'includeCost',
  'webhookURL',
  'outputType',
  'ttl',
];
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What each kind of task is answered with. */
export function answerTask(emulator: Emulator, task: Task): Reply {
  switch (task.taskType) {
    case 'ping':
      return { data: [{ taskType: 'ping', pong: true }] };
    case 'getResponse':
      return getResponse(emulator, task);
    case 'getTaskDetails':
      return getTaskDetails(emulator, task);
    case 'mediaStorage':
      return storeMedia(emulator, task);
    case 'accountManagement':
      return {
        data: [
          {
            taskType: task.taskType,
            taskUUID: task.taskUUID,
            balance: { amount: 12.5, freeBalance: 0, currency: 'USD' },
          },
        ],
      };
    default:
      return infer(emulator, task);
  }
}

function infer(emulator: Emulator, task: Task): Reply {
  const uuid = task.taskUUID ?? '';
  if (!uuidPattern.test(uuid)) throw refuse(emulator, 'invalidTaskUUID', 'taskUUID');
  const model = findRunwareModel(String(task.model));
  if (model === undefined || model.taskType !== task.taskType)
    throw emulator.refusal('unknown_model', String(task.model));
  if (emulator.jobs.has(uuid)) throw refuse(emulator, 'duplicateTaskUUID', 'taskUUID');
  const input = Object.fromEntries(Object.entries(task).filter(([name]) => !platformFields.includes(name)));
  const unknown = Object.keys(input).find((name) => !Object.hasOwn(model.properties, name));
  if (unknown !== undefined) throw refuse(emulator, 'unknownParameter', unknown);
  const missing = model.required.find((name) => input[name] === undefined);
  if (missing !== undefined) throw refuse(emulator, `missing${missing}`, missing);
  const webhookUrl = typeof task.webhookURL === 'string' ? task.webhookURL : undefined;
  const extra = { asked: Number(input.numberResults ?? 1), task };
  const job = emulator.createJob({ id: uuid, model: model.air, input, webhookUrl, clientId: uuid, extra });
  if (task.deliveryMethod === 'async') return { data: [{ taskType: task.taskType, taskUUID: uuid }] };
  return resultsOf(emulator, emulator.endJob(job));
}

function refuse(emulator: Emulator, code: string, parameter: string): Refusal {
  const { body } = emulator.failure('validation', parameter);
  // as: the emulator's own failure is such a body.
  const [first] = (body as { errors: object[] }).errors;
  return new Refusal({
    status: emulator.quirks.has('refuse_200') ? 200 : 400,
    body: { errors: [{ ...first, code, parameter }] },
  });
}

function getResponse(emulator: Emulator, { taskUUID = '' }: Task): Reply {
  const job = emulator.stepJob(taskUUID);
  if (job.state === 'succeeded' || job.state === 'failed' || job.state === 'cancelled')
    return resultsOf(emulator, job);
  const status =
    job.state === 'unknown' ? 'hibernating' : emulator.quirks.has('pending_word') ? 'pending' : 'processing';
  const progress = job.state === 'running' ? { progress: 40 } : {};
  return { data: [{ taskType: taskTypeOf(job), taskUUID, status, ...progress }] };
}

function getTaskDetails(emulator: Emulator, { taskUUID = '', taskType }: Task): Reply {
  const job = emulator.peekJob(taskUUID);
  return { data: [{ taskType, taskUUID, request: [job.extra.task], response: {} }] };
}

function storeMedia(emulator: Emulator, { taskType, taskUUID, media }: Task): Reply {
  const [, contentType = 'application/octet-stream', base64 = ''] =
    /^data:([^;]+);base64,(.*)$/s.exec(String(media)) ?? [];
  const mediaURL = emulator.keepFile(Buffer.from(base64, 'base64'), contentType);
  return { data: [{ taskType, taskUUID, mediaUUID: emulator.uuid(), mediaURL }] };
}

/** One item a result; what failed is told among the items, or apart. */
export function resultsOf(emulator: Emulator, job: EmulatedJob): Reply {
  const base = { taskType: taskTypeOf(job), taskUUID: job.id };
  if (job.state === 'cancelled')
    return { errors: [{ code: 'taskCancelled', message: 'Cancelled.', taskUUID: job.id }] };
  const asked = Math.max(Number(job.extra.asked), 1);
  const error = (index: number) => ({
    ...base,
    status: 'error',
    error: { code: codeOf(job), message: `${job.failure.message}${index > 0 ? ` (${index + 1})` : ''}` },
  });
  if (job.state === 'failed') {
    const { code, message } = error(0).error;
    return emulator.quirks.has('errors_apart')
      ? { errors: [{ code, message, taskUUID: job.id }] }
      : { data: Array.from({ length: asked }, (_, index) => error(index)) };
  }
  const items = Array.from({ length: asked }, (_, index) =>
    index >= asked - job.failedOutputs
      ? error(index)
      : { ...base, status: 'success', ...resultOf(emulator, job), cost: 0.0013 },
  );
  return { data: items };
}

function resultOf(emulator: Emulator, job: EmulatedJob): object {
  const makes = findRunwareModel(job.model)?.makes ?? 'image';
  if (emulator.quirks.has('empty_success')) return { seed: 7 };
  if (makes === 'text') return { text: 'Once upon a time.', finishReason: 'stop' };
  return { [`${makes}UUID`]: emulator.uuid(), [`${makes}URL`]: emulator.makeFile(job, makes).url, seed: 7 };
}

function taskTypeOf({ model }: EmulatedJob): string {
  return findRunwareModel(model)?.taskType ?? 'imageInference';
}

function codeOf({ failure: { kind } }: EmulatedJob): string {
  if (kind === 'content') return 'contentModerationFlagged';
  if (kind === 'credits') return 'insufficientCredits';
  return kind === 'validation' ? 'invalidPositivePrompt' : 'inferenceFailed';
}
