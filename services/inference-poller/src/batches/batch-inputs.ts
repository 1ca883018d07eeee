/** What the runs of a batch are: a list of inputs, the combinations of a sweep, or each of those with each of the others. */
import {
  callOf,
  type JsonObject,
  maxBatchRuns,
  type Problem,
  runBatch,
  validationFailed,
} from '@inferry/contracts';
import { canonical } from '../runs/run-document.ts';

export interface BatchRequest {
  model: string;
  inputs?: JsonObject[] | undefined;
  sweep?: JsonObject | undefined;
  input?: JsonObject | undefined;
  concurrency?: number | undefined;
  max_cost?: number | undefined;
  client_ref?: string | undefined;
  metadata?: JsonObject | undefined;
  options?: JsonObject | undefined;
}

/** The input of each run, in order. Throws `validation_failed` for none, and for more than there may be. */
export function inputsOf({ inputs, sweep, input = {} }: BatchRequest): JsonObject[] {
  if (inputs === undefined && sweep === undefined)
    throw refused({ path: 'inputs', message: 'is required', hint: 'a list of inputs, or sweep' });
  const rows = inputs ?? [{}];
  const axes = axesOf(sweep ?? {});
  const count = axes.reduce((product, { values }) => product * values.length, rows.length);
  if (count === 0) throw refused({ path: 'inputs', message: 'is empty', hint: 'at least one input' });
  if (count > maxBatchRuns) {
    const path = sweep === undefined ? 'inputs' : 'sweep';
    throw refused({ path, message: `would be ${count} runs`, hint: `at most ${maxBatchRuns} in one batch` });
  }
  const combinations = axes.reduce<JsonObject[]>(
    (all, { name, values }) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
  return rows.flatMap((row) => combinations.map((combination) => ({ ...input, ...row, ...combination })));
}

function axesOf(sweep: JsonObject): { name: string; values: unknown[] }[] {
  return Object.entries(sweep).map(([name, values]) => {
    if (Array.isArray(values) && values.length > 0) return { name, values };
    throw refused({
      path: `sweep.${name.slice(0, 60)}`,
      message: 'is not a list with values in it',
      hint: 'a field that all runs have alike belongs into input',
    });
  });
}

function refused(problem: Problem): Error {
  return validationFailed(callOf(runBatch), [problem]);
}

/** The fields in which the inputs differ, in the order in which they come up. */
export function variedIn(inputs: readonly JsonObject[]): string[] {
  const seen = new Map<string, string | undefined>();
  const varied = new Set<string>();
  const [first = {}] = inputs;
  for (const [name, value] of Object.entries(first)) seen.set(name, canonical(value));
  for (const input of inputs) {
    for (const name of new Set([...seen.keys(), ...Object.keys(input)])) {
      if (!seen.has(name)) seen.set(name, undefined);
      const value = Object.hasOwn(input, name) ? canonical(input[name]) : undefined;
      if (value !== seen.get(name)) varied.add(name);
    }
  }
  return [...varied];
}
