/** Tasks: one tool that runs any of them by flat parameters, and one that tells of a task what its call would have told. */
import {
  type ContentBlock,
  defineTool,
  getTask,
  isObject,
  isTerminal,
  type JsonObject,
  type Run,
  type RunOutput,
  runModel,
  text,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly, write } from '../../annotations.ts';
import { timeAndCost } from '../../present-run.ts';
import { documentText, optionOf, platform, toAir, toModel, toProductError } from '../words.ts';

/** Beside the model's parameters: what this system adds, and what every task has and is ours to fill in. */
const own = ['model', 'max_cost', 'client_ref', 'wait_seconds', 'dry_run', 'metadata'];
const filledIn = ['taskUUID', 'deliveryMethod', 'includeCost'];

export const runTool = defineTool({
  name: 'run',
  title: 'Run inference',
  description:
    'Run any Runware task: image, video, audio, text or 3D inference, upscale, background removal, caption, training. model is an AIR or slug; all task parameters stand beside it (positivePrompt, width, height, duration, numberResults, …) and are checked against its schema before anything is charged. taskType is only needed for models that neither list nor schema knows. Also: max_cost (USD; refuses what may cost more), client_ref (a retry with the same one never runs twice), dry_run. The result tells time and cost; a task that is still running is told by its taskUUID: get_task_details.',
  annotations: write,
  operation: runModel,
  input: z.looseObject({
    model: z.string().min(1).max(300).describe('Model identifier (AIR) or slug'),
    max_cost: z.coerce.number().min(0).optional(),
    wait_seconds: z.coerce.number().int().min(0).max(600).optional(),
    dry_run: z.stringbool().or(z.boolean()).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
  inputSchema: {
    type: 'object',
    properties: { model: { type: 'string', description: 'Model identifier (AIR) or slug' } },
    required: ['model'],
    additionalProperties: { type: ['string', 'number', 'integer', 'boolean', 'array', 'object'] },
  },
  outputSchema: 'none',
  isContentOnly: true,
  renamed: { input: undefined, options: undefined },
  toInput({ model, max_cost, wait_seconds, dry_run, metadata, ...rest }) {
    const ref = rest.client_ref ?? rest.taskUUID;
    return {
      model: toModel(model),
      input: parametersIn(rest),
      options: optionsIn(rest),
      with_native: true,
      ...(typeof ref === 'string' && { client_ref: ref }),
      ...(max_cost !== undefined && { max_cost }),
      ...(wait_seconds !== undefined && { wait_seconds }),
      ...(dry_run !== undefined && { dry_run }),
      ...(metadata !== undefined && { metadata }),
    };
  },
  present({ run, native, validation, quote, replayed }) {
    if (run === undefined) return [text(dryRunText(validation ?? [], quote))];
    const blocks = presentOutcome(run, native);
    return replayed === true ? [text('Same client_ref: this is the existing task.'), ...blocks] : blocks;
  },
  toError: toProductError,
});

function parametersIn(given: JsonObject): JsonObject {
  const others = [...own, ...filledIn, ...Object.keys(optionOf)];
  return Object.fromEntries(Object.entries(given).filter(([name]) => !others.includes(name)));
}

/** Of a text, the number that it is: these are checked by no model's schema. */
function optionsIn(given: JsonObject): JsonObject {
  const found = Object.entries(optionOf).flatMap(([name, option]): [string, unknown][] => {
    const value = given[name];
    if (value === undefined || value === null || value === '') return [];
    return [[option, name === 'ttl' && typeof value === 'string' ? Number(value) : value]];
  });
  return Object.fromEntries(found);
}

function dryRunText(
  problems: readonly { path: string; message: string }[],
  quote: JsonObject | undefined,
): string {
  const wrong = problems.map(({ path, message }) => `${path} ${message}`).join('; ');
  const { min, max } = quote ?? {};
  const price =
    typeof max === 'number'
      ? ` Cost: at most $${max}.`
      : typeof min === 'number'
        ? ` Cost: $${min} or more.`
        : '';
  return problems.length > 0
    ? `Dry run. Not valid: ${wrong}. Nothing was run or charged.`
    : `Dry run. The parameters are valid.${price} Nothing was run or charged.`;
}

/** What the call would have answered: each result as the platform's own server prints it, then time and cost. */
function presentOutcome(run: Run, native: JsonObject | undefined): ContentBlock[] {
  if (!isTerminal(run.status)) return [text(goingOnText(run))];
  const results = resultsOf(run, native);
  if (results.length === 0) return [text('No results.')];
  const blocks = results.flatMap(({ output, facts }, at) => [
    ...(at === 0 ? [] : [text(`\n--- Result ${at + 1} ---`)]),
    ...presentResult(output, facts),
  ]);
  const pictures = results.flatMap(({ output: { kind, url } }) =>
    kind === 'image' && url !== undefined ? [`![image](${url})`] : [],
  );
  const notes = (run.notes ?? []).filter((note) => !note.startsWith('Seed')).map((note) => `Note: ${note}`);
  return [...blocks, text([...notes, timeAndCost(run), ...pictures].join('\n'))];
}

function goingOnText(run: Run): string {
  const share = run.progress === undefined ? '' : ` (${Math.round(run.progress * 100)} %)`;
  const id = taskUuidOf(run);
  return `The task is ${run.status}${share} and goes on; nothing is lost. taskUUID: ${id}\nNext: get_task_details(taskUUID="${id}") in a while. Do not run it again.`;
}

/** Before the platform has it, a task goes by the id that it has here. */
function taskUuidOf({ upstream, run_id: id }: Run): string {
  return upstream?.request_id ?? id;
}

interface Result {
  output: RunOutput;
  facts: JsonObject;
}

/** Results with what the platform said of each; where it tells fewer than there are files, the last one's. */
function resultsOf(run: Run, native: JsonObject | undefined): Result[] {
  const told = (Array.isArray(native?.data) ? native.data : [])
    .filter(isObject)
    .filter(({ status }) => status !== 'error');
  return (run.outputs ?? []).map((output, at) => {
    const facts = told[Math.min(at, told.length - 1)] ?? {};
    return { output, facts: { ...facts, taskUUID: taskUuidOf(run) } };
  });
}

function presentResult({ kind, url, ...rest }: RunOutput, facts: JsonObject): ContentBlock[] {
  switch (kind) {
    case 'image':
      return [
        text(`Image URL: ${url ?? ''}`),
        documentText('', pick(facts, ['imageUUID', 'seed', 'NSFWContent', 'cost', 'taskUUID'])),
      ];
    case 'video':
      return [text(`Video URL: ${url ?? ''}`), documentText('', pick(facts, ['taskUUID', 'seed', 'cost']))];
    case 'audio':
      return [text(`Audio URL: ${url ?? ''}`), documentText('', pick(facts, ['taskUUID', 'cost']))];
    case '3d':
    case 'file':
      return [text(`File URL: ${url ?? ''}`), documentText('', pick(facts, ['taskUUID', 'seed', 'cost']))];
    default:
      return [documentText('', { ...pick(facts, wordFields), text: rest.text ?? url ?? '', ...cutOf(rest) })];
  }
}

const wordFields = ['taskType', 'taskUUID', 'finishReason', 'usage', 'cost'];

function cutOf({ truncated }: Pick<RunOutput, 'truncated'>): JsonObject {
  return truncated === true ? { truncated } : {};
}

function pick(facts: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name) => (facts[name] === undefined || facts[name] === null ? [] : [[name, facts[name]]])),
  );
}

export const getTaskDetailsTool = defineTool({
  name: 'get_task_details',
  title: 'Get task details',
  description:
    'Look up a task by taskUUID, whether it has ended or not: what was requested, and the same results as run gives. For recovery and audit; free.',
  annotations: readOnly,
  operation: getTask,
  input: z.object({ taskUUID: z.string().min(1).max(200).describe('As run told it') }),
  outputSchema: 'none',
  isContentOnly: true,
  renamed: { task_id: 'taskUUID', provider: undefined },
  toInput: ({ taskUUID }) => ({ provider: platform, task_id: taskUUID }),
  present({ run, input, options, native, record, error }) {
    if (run === undefined) return [documentText('Task details:', record ?? {})];
    const taskUUID = taskUuidOf(run);
    const results = resultsOf(run, native);
    const details = {
      taskType: 'getTaskDetails',
      taskUUID,
      request: [{ ...requestOf(options, results), taskUUID, model: toAir(run.model ?? ''), ...input }],
      response:
        error === undefined
          ? results.length > 0 && { data: results.map(toArchived) }
          : { errors: [{ code: error.code, message: error.message, taskUUID }] },
    };
    const blocks = [
      documentText('Task details:', details.response === false ? { ...details, response: {} } : details),
    ];
    if (error !== undefined) return blocks;
    if (!isTerminal(run.status)) return [...blocks, text(goingOnText(run))];
    return [...blocks, ...presentOutcome(run, native).slice(-1)];
  },
  toError: (error, told) =>
    error.code === 'run_not_found'
      ? { ...error, message: `No task found for taskUUID: ${(told.args?.taskUUID ?? '').slice(0, 100)}` }
      : toProductError(error, told),
});

function requestOf(options: JsonObject | undefined, [first]: readonly Result[]): JsonObject {
  const taskType = options?.task_type ?? first?.facts.taskType;
  return taskType === undefined ? {} : { taskType };
}

/** A result as the platform told it, with links that still work. */
function toArchived({ output, facts }: Result): JsonObject {
  const { status: _status, ...rest } = facts;
  const { kind, url, text: said } = output;
  const link = Object.keys(rest).find((name) => /URL$/.test(name)) ?? `${kind ?? 'file'}URL`;
  if (url !== undefined) return { ...rest, [link]: url };
  return said === undefined ? rest : { ...rest, text: said };
}
