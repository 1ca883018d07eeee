/** What each kind of task is answered with, by the types of the official SDK (`@runware/sdk` 1.6). */
import { type EmulatedJob, type Emulator, Refusal } from '../kit/index.ts';
import { findRunnable, priceOf } from './models.ts';
import { answerUtility, type Reply, type Task } from './utilities.ts';

const platformFields = [
  'taskType',
  'taskUUID',
  'model',
  'deliveryMethod',
  'includeCost',
  'webhookURL',
  'outputType',
  'ttl',
  'uploadEndpoint',
];
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function answerTask(emulator: Emulator, task: Task): Reply {
  switch (task.taskType) {
    case 'ping':
      return { data: [{ taskType: 'ping', pong: true }] };
    case 'getResponse':
      return getResponse(emulator, task);
    case 'getTaskDetails':
      return getTaskDetails(emulator, task);
    default:
      return answerUtility(emulator, task) ?? infer(emulator, task);
  }
}

function infer(emulator: Emulator, task: Task): Reply {
  const uuid = task.taskUUID ?? '';
  if (!uuidPattern.test(uuid)) throw refuse(emulator, 'invalidTaskUUID', 'taskUUID');
  const model = findRunnable(String(task.model));
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
  const isOver = job.state === 'succeeded' || job.state === 'failed' || job.state === 'cancelled';
  const response = isOver ? archivedOf(emulator, job) : {};
  return { data: [{ taskType, taskUUID, request: [job.extra.task], response }] };
}

/** As the synchronous answer would have been: without the word of how it went. */
function archivedOf(emulator: Emulator, job: EmulatedJob): Reply {
  const { data, errors } = resultsOf(emulator, job);
  if (data === undefined) return { errors: errors ?? [] };
  return {
    data: data.map((item) => {
      // as: every item is an object of ours.
      const { status: _status, ...rest } = item as { status?: string };
      return rest;
    }),
  };
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
  // as: the task as it came.
  const cost = priceOf(job.model, job.extra.task as Task);
  const kept = Array.isArray(job.extra.results) ? job.extra.results : [];
  const items = Array.from({ length: asked }, (_, index) =>
    index >= asked - job.failedOutputs
      ? error(index)
      : (kept[index] ?? { ...base, status: 'success', ...resultOf(emulator, job), cost }),
  );
  // A result is the same whenever it is asked for.
  job.extra.results = items;
  return { data: items };
}

function resultOf(emulator: Emulator, job: EmulatedJob): object {
  const makes = findRunnable(job.model)?.makes ?? 'image';
  if (emulator.quirks.has('empty_success')) return { seed: 7 };
  if (makes === 'text') {
    const usage = { promptTokens: 4, completionTokens: 5, totalTokens: 9 };
    return { text: 'Once upon a time.', finishReason: 'stop', usage };
  }
  const made = { [`${makes}UUID`]: emulator.uuid(), ...fileOf(emulator, { job, makes }) };
  return makes === 'audio' ? { ...made, seed: 7 } : { ...made, seed: 7, NSFWContent: false };
}

/** A link, or the content where `outputType` asks for that. */
function fileOf(
  emulator: Emulator,
  { job, makes }: { job: EmulatedJob; makes: 'image' | 'video' | 'audio' },
): object {
  const { url, contentType } = emulator.makeFile(job, makes);
  // as: the task as it came.
  const { outputType } = job.extra.task as Task;
  if (outputType !== 'base64Data' && outputType !== 'dataURI') return { [`${makes}URL`]: url };
  const base64 = emulator.files.get(url.split('/').at(-1) ?? '')?.bytes.toString('base64') ?? '';
  return outputType === 'base64Data'
    ? { [`${makes}Base64Data`]: base64 }
    : { [`${makes}DataURI`]: `data:${contentType};base64,${base64}` };
}

function taskTypeOf({ model }: EmulatedJob): string {
  return findRunnable(model)?.taskType ?? 'imageInference';
}

function codeOf({ failure: { kind } }: EmulatedJob): string {
  if (kind === 'content') return 'contentModerationFlagged';
  if (kind === 'credits') return 'insufficientCredits';
  return kind === 'validation' ? 'invalidPositivePrompt' : 'inferenceFailed';
}
