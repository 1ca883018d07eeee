import { coerce, isObject, type JsonObject, type Problem } from '@inferry/contracts';
import { withNearestNumbers } from './exact-integers.ts';
import { fileProblem, findFileFields } from './file-fields.ts';
import { boundsProblem, countValues } from './input-bounds.ts';
import { describeField, maxProblems, toProblems, unknownFieldProblem } from './input-problems.ts';
import type { ModelValidator } from './model-validator.ts';
import { withoutUnsetFields } from './unset-fields.ts';

export interface PreparedInput {
  /** Coerced, defaults filled in. Only to be run when there are no problems. */
  input: JsonObject;
  problems: Problem[];
  /** JSON pointers. */
  fileFields: string[];
}

/** Of more values than this only the first problem is told: a list of all could be as long as the input. */
const maxValuesForAllProblems = 5_000;

/** Puts right what can be put right, fills defaults in, and tells everything that is wrong. */
export function prepareInput(validator: ModelValidator, raw: JsonObject): PreparedInput {
  const tooBig = boundsProblem(raw);
  if (tooBig !== undefined) return { input: {}, problems: [tooBig], fileFields: [] };
  const coerced = coerce(validator.plain, raw);
  // A string that held an object may have been deep.
  const tooDeep = boundsProblem(coerced);
  if (tooDeep !== undefined || !isObject(coerced)) {
    const notObject = { path: '', message: 'must be an object' };
    return { input: {}, problems: [tooDeep ?? notObject], fileFields: [] };
  }
  const given = withoutUnsetFields(validator.plain, coerced);
  const { known, problems } = splitUnknown(validator, isObject(given) ? given : {});
  problems.push(...withNearestNumbers(known, () => checkWithDefaults(validator, known)));
  const files = findFileFields(validator.plain, known);
  for (const file of files) {
    const problem = fileProblem(file);
    if (problem !== undefined) problems.push(problem);
  }
  return {
    input: known,
    problems: problems.slice(0, maxProblems),
    fileFields: files.map(({ pointer }) => pointer),
  };
}

function splitUnknown(
  { knownFields }: ModelValidator,
  input: JsonObject,
): { known: JsonObject; problems: Problem[] } {
  if (knownFields === undefined) return { known: input, problems: [] };
  const names = new Set(knownFields);
  const unknown = Object.keys(input).filter((name) => !names.has(name));
  return {
    known: Object.fromEntries(Object.entries(input).filter(([name]) => names.has(name))),
    problems: unknown.slice(0, maxProblems).map((name) => unknownFieldProblem(name, knownFields)),
  };
}

/**
 * Platforms ship defaults that their own schema refuses (null for a number, most often). Such a default is not the
 * caller's fault: it is taken out again, and the platform applies its own.
 */
function checkWithDefaults({ plain, check }: ModelValidator, input: JsonObject): Problem[] {
  const given = new Set(Object.keys(input));
  const errors = check(input, countValues(input) <= maxValuesForAllProblems);
  const problems: Problem[] = [];
  for (const problem of toProblems(errors)) {
    const field = problem.path.split('.')[0] ?? '';
    if (given.has(field) || !Object.hasOwn(input, field)) problems.push(problem);
    else {
      delete input[field];
      if (isRequired(plain, field)) problems.push(missing(plain, field));
    }
  }
  return problems;
}

function isRequired({ required }: JsonObject, field: string): boolean {
  return Array.isArray(required) && required.includes(field);
}

function missing({ properties }: JsonObject, field: string): Problem {
  const schema = isObject(properties) && Object.hasOwn(properties, field) ? properties[field] : undefined;
  return {
    path: field,
    message: 'is required',
    hint: isObject(schema) ? describeField(schema) : undefined,
  };
}
