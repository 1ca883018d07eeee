/**
 * Whether a wrapper can work: its schema, template and mappings among themselves, and everything that they produce against
 * the schema of each base model. The same check runs when a wrapper is written and when a base model has changed.
 */
import {
  AppError,
  callOf,
  hint,
  isExactInteger,
  isObject,
  type JsonObject,
  type Problem,
  patchWrapper,
} from '@inferry/contracts';
import { schemasOf, typesOf } from '../input/foreign-schema.ts';
import { createValidator, type ModelValidator } from '../input/model-validator.ts';
import { toPlainSchema } from '../input/plain-schema.ts';
import { prepareInput } from '../input/prepare-input.ts';
import type { Definition } from './definition.ts';
import { type Mappings, type ProducedField, producedFields, promptField } from './mappings.ts';
import { compileTemplate, type Template } from './template.ts';

const maxFields = 64;
const maxSchema = 32_000;
/** The selector of a call, and what templates read beside the input. */
const reserved = new Set(['base_model', 'maps', 'constants', '__proto__']);
/** More problems at once help nobody. */
const maxProblems = 16;
const maxChoices = 50;
/** Each is put to the base model's schema. */
const maxValues = 300;

/** A base model as far as its input goes. */
export interface BaseInput {
  id: string;
  validator: ModelValidator;
}

export interface CompiledDefinition {
  definition: Definition;
  template: Template | undefined;
  /** Of the wrapper's own input. */
  validator: ModelValidator;
  /** Fields of the wrapper's own input. */
  fields: readonly [string, JsonObject][];
}

/** What of a wrapper can be said without its base models; `warnings` do not keep it from being stored. */
export function compileDefinition(definition: Definition): {
  compiled: CompiledDefinition | undefined;
  problems: Problem[];
  warnings: string[];
} {
  const problems: Problem[] = [];
  const template = attempt(problems, () =>
    definition.template === undefined ? undefined : compileTemplate(definition.template),
  );
  const validator = attempt(problems, () => compileSchema(definition.input_schema));
  if (validator === undefined) return { compiled: undefined, problems, warnings: [] };
  const fields = schemasOf(validator.plain, 'properties');
  const compiled: CompiledDefinition = { definition, template, validator, fields };
  const names = new Set(fields.map(([name]) => name));
  problems.push(...contextProblems(compiled), ...definition.base_models.flatMap(sourceProblems(names)));
  const isBase = definition.base_models.some(({ model }) => model === definition.default_base_model);
  if (definition.default_base_model !== undefined && !isBase) {
    problems.push({ path: 'default_base_model', message: 'is none of base_models' });
  }
  const warnings = [...(template?.reads ?? [])]
    .filter((name) => !names.has(name))
    .map((name) => `The template reads ${name}, which the schema does not have: it is empty.`);
  return { compiled, problems: problems.slice(0, maxProblems), warnings: warnings.slice(0, maxProblems) };
}

/** Throws the problems of what is stored: it was checked before it was. */
export function mustCompile(definition: Definition): CompiledDefinition {
  const { compiled, problems } = compileDefinition(definition);
  if (compiled === undefined || problems.length > 0) throw broken(problems);
  return compiled;
}

export function broken(problems: readonly Problem[], model?: string): AppError {
  const what = model === undefined ? 'it was written for another release' : `${model} is not what it was`;
  return new AppError('wrapper_broken', `The wrapper cannot be run: ${what}. Nothing was charged.`, {
    nextAction:
      hint`Its owner mends it with ${callOf(patchWrapper)}.` +
      ' Use the base model meanwhile, or another one.',
    details: { errors: problems },
  });
}

function attempt<T>(problems: Problem[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'validation_failed') throw error;
    const { errors } = error.details ?? {};
    // as: what throws here tells its problems so.
    problems.push(...((Array.isArray(errors) ? errors : []) as Problem[]));
    return undefined;
  }
}

/** The schema of a wrapper's own input. Throws `validation_failed` for one that does not name its fields. */
export function compileSchema(schema: JsonObject): ModelValidator {
  const path = 'input_schema';
  const fail = (message: string, at = path) =>
    new AppError('validation_failed', `${at} ${message}`, { details: { errors: [{ path: at, message }] } });
  if (JSON.stringify(schema).length > maxSchema) throw fail('is larger than 32 KB');
  const fault = faultIn(schema, path);
  if (fault !== undefined) throw fail(fault.message, fault.path);
  const plain = toPlainSchema(schema);
  if (!isObject(plain.properties)) throw fail('is no JSON Schema of an object with properties');
  const fields = schemasOf(plain, 'properties');
  if (fields.length > maxFields) throw fail(`has more than ${maxFields} fields`);
  if (plain.additionalProperties === true || isObject(plain.additionalProperties)) {
    throw fail('takes any further field: name each one');
  }
  if (plain.patternProperties !== undefined) throw fail('names fields by patterns: name each one');
  const kept = fields.find(([name]) => reserved.has(name))?.[0];
  if (kept !== undefined)
    throw fail('is a name that wrappers keep for themselves', `${path}.properties.${kept}`);
  if (fields.some(([name]) => name === '' || name.length > 100))
    throw fail('has a name that is too long or empty');
  const { required } = plain;
  const missing = Array.isArray(required)
    ? required.find((name) => !fields.some(([known]) => known === name))
    : undefined;
  if (missing !== undefined) throw fail(`requires ${String(missing).slice(0, 60)}, which it does not have`);
  try {
    const validator = createValidator(schema);
    validator.check({}, true);
    return validator;
  } catch {
    throw fail('cannot be compiled: a pattern, a $ref or a keyword in it means nothing');
  }
}

/** What no part of a schema may be; how deep it is was looked at before. */
function faultIn(value: unknown, path: string): Problem | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isExactInteger(value))
    return { path, message: 'is beyond 2^53, as only a bound may be: use static_values or presets' };
  for (const [name, child] of Object.entries(value)) {
    const at = `${path}.${name}`;
    // A field may be called so; then it has a schema.
    if (/^\$(?:ref|dynamicRef|recursiveRef)$/.test(name) && !isObject(child) && !isInside(child))
      return { path: at, message: 'leads out of the schema, and nothing is fetched: write it in $defs' };
    const found = faultIn(child, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A JSON pointer into the schema itself; an anchor would need a reader of its own. */
function isInside(reference: unknown): boolean {
  return typeof reference === 'string' && /^#(?:\/|$)/.test(reference);
}

/** What the template reads of maps and constants is there. */
function contextProblems({ definition, template }: CompiledDefinition): Problem[] {
  const { maps = {}, constants = {} } = definition.context ?? {};
  const known: Readonly<Record<string, object>> = { maps, constants };
  return [...(template?.context ?? [])].flatMap((path) => {
    const [kind = '', name = ''] = path.split('.', 2);
    if (Object.hasOwn(known[kind] ?? {}, name)) return [];
    return [{ path: 'template', message: `reads ${path}, which context does not have` }];
  });
}

/** Operations start from fields of the wrapper's own schema. */
function sourceProblems(names: ReadonlySet<string>) {
  return ({ mappings }: Definition['base_models'][number], at: number): Problem[] => {
    const path = `base_models.${at}.mappings`;
    const unknown = (operation: string, field: string): Problem => ({
      path: `${path}.${operation}`,
      message: `starts from ${field.slice(0, 60)}, which input_schema does not have`,
    });
    const sources = Object.values(mappings.collect_fields ?? {}).flat();
    return [
      ...sources.filter((field) => !names.has(field)).map((field) => unknown('collect_fields', field)),
      ...Object.keys(mappings.presets ?? {})
        .filter((field) => !names.has(field))
        .map((field) => unknown('presets', field)),
    ];
  };
}

/** Everything that the wrapper would send to this model and that it does not take. */
export function checkAgainst(compiled: CompiledDefinition, base: BaseInput, at: number): Problem[] {
  const { definition, template, fields } = compiled;
  const mappings: Mappings = definition.base_models[at]?.mappings ?? {};
  const produced = producedFields(
    fields.map(([name]) => name),
    {
      hasPrompt: template !== undefined,
      mappings,
      reads: template?.reads ?? new Set(),
      hasField: hasFieldOf(base.validator),
    },
  );
  const path = `base_models.${at}`;
  return [
    ...unknownFields(produced, base, path),
    ...doubleFields(produced, path),
    ...missingFields(produced, base, path),
    ...wrongValues(produced, { compiled, base, path }),
  ].slice(0, maxProblems);
}

/** Whether a model has a field of this name; one that takes any has all. */
export function hasFieldOf({ knownFields, plain }: ModelValidator): (name: string) => boolean {
  const named = new Set(knownFields ?? schemasOf(plain, 'properties').map(([name]) => name));
  return (name) => named.has(name);
}

function unknownFields(
  produced: readonly ProducedField[],
  { id, validator }: BaseInput,
  path: string,
): Problem[] {
  const { knownFields } = validator;
  if (knownFields === undefined) return [];
  return produced
    .filter(({ name }) => !knownFields.includes(name))
    .map(({ name, by, from, isPrompt }) => ({
      path: whereOf({ by, from }, path),
      message: `${id} has no input ${name.slice(0, 60)}`,
      hint: `${isPrompt ? `rename ${promptField}` : 'omit or rename it'}; its inputs: ${knownFields.join(', ').slice(0, 200)}`,
    }));
}

/** What the author has to look at. */
function whereOf({ by, from }: Pick<ProducedField, 'by' | 'from'>, path: string): string {
  if (from !== undefined && by === 'schema') return `input_schema.properties.${from}`;
  return by === 'template' ? 'template' : `${path}.mappings.${by}`;
}

/** One name cannot come from two places, but for what is fixed over what is given. */
function doubleFields(produced: readonly ProducedField[], path: string): Problem[] {
  const given = produced
    .filter(({ by }) => by !== 'presets' && by !== 'static_values')
    .map(({ name }) => name);
  const twice = new Set(given.filter((name, nth) => given.indexOf(name) !== nth));
  return [...twice].map((name) => ({
    path: `${path}.mappings.renames`,
    message: `makes ${name.slice(0, 60)} from two fields`,
    hint: 'omit or rename one of them',
  }));
}

function missingFields(
  produced: readonly ProducedField[],
  { id, validator }: BaseInput,
  path: string,
): Problem[] {
  const { required } = validator.plain;
  const names = new Set(produced.map(({ name }) => name));
  const defaults = new Map(
    schemasOf(validator.plain, 'properties').map(([name, { default: usual }]) => [name, usual]),
  );
  return (Array.isArray(required) ? required : [])
    .filter((name) => typeof name === 'string' && !names.has(name) && defaults.get(name) === undefined)
    .map((name) => ({
      path: `${path}.mappings`,
      message: `nothing makes ${String(name).slice(0, 60)}, which ${id} requires`,
      hint: 'name it in static_values, or make it from a field',
    }));
}

/** Fixed values, choices and types that the model would refuse. */
function wrongValues(
  produced: readonly ProducedField[],
  { compiled, base, path }: { compiled: CompiledDefinition; base: BaseInput; path: string },
): Problem[] {
  const count = produced.reduce((sum, { values }) => sum + values.length, 0);
  if (count > maxValues)
    return [{ path: `${path}.mappings`, message: `fixes more than ${maxValues} values` }];
  const own = new Map(compiled.fields);
  const theirs = new Map(schemasOf(base.validator.plain, 'properties'));
  return produced.flatMap((field) => {
    const { name, from, values } = field;
    const given = from === undefined ? undefined : own.get(from);
    const target = theirs.get(name);
    // A field that the model does not have is told of already.
    if (target === undefined && base.validator.knownFields !== undefined) return [];
    const at = whereOf(field, path);
    if (target !== undefined && !canHold(target, given ?? madeSchema(field))) {
      return [{ path: at, message: `is of another type than ${name} of ${base.id}` }];
    }
    const offered = given === undefined ? values : choicesOf(given);
    const refusal = offered
      .map((value) => refusalOf(base.validator, name, value))
      .find((found) => found !== undefined);
    if (refusal === undefined) return [];
    return [{ ...refusal, path: at, message: `${name} of ${base.id} ${refusal.message}` }];
  });
}

/** What is known of a field that no field of the wrapper arrives as. */
function madeSchema({ isPrompt, by }: ProducedField): JsonObject {
  if (isPrompt) return { type: 'string' };
  return by === 'collect_fields' ? { type: 'array' } : {};
}

function refusalOf(validator: ModelValidator, name: string, value: unknown): Problem | undefined {
  const { problems } = prepareInput(validator, { [name]: value });
  return problems.find(({ path }) => (path.split('.')[0] ?? '') === name);
}

function choicesOf({ enum: choices, default: usual, const: only }: JsonObject): unknown[] {
  const offered = Array.isArray(choices) ? choices.slice(0, maxChoices) : [];
  return [...offered, usual, only].filter((value) => value !== undefined && value !== null);
}

function canHold(target: JsonObject, source: JsonObject): boolean {
  const [wanted, given] = [typesOf(target), typesOf(source)];
  if (wanted.length === 0 || given.length === 0) return true;
  const isNumber = (type: string) => type === 'number' || type === 'integer';
  return given.some((type) => wanted.includes(type) || (isNumber(type) && wanted.some(isNumber)));
}
