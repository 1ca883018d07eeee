/** Checks inputs against the schemas of models, says what is wrong with them and what each field takes. */
import { createRequire } from 'node:module';
import {
  AppError,
  callOf,
  hint,
  isDataUri,
  isObject,
  type JsonObject,
  type Problem,
  Recent,
  searchModels,
} from '@inferry/contracts';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import {
  isAssetId,
  isFileSchema,
  linearPattern,
  schemasOf,
  toDotPath,
  typesOf,
  withinSteps,
} from './foreign-schema.ts';
import { toPlainSchema } from './plain-schema.ts';
import { toStrictSchema } from './strict-schema.ts';

/** What is compiled once for each version of a model. */
export interface ModelValidator {
  /** For reading: coercion, file fields, the list of inputs. */
  plain: JsonObject;
  /** Every field that the model names; undefined where it takes any. */
  knownFields: readonly string[] | undefined;
  /** Fills defaults in and tells what is wrong: everything, or the first thing only. */
  check(input: JsonObject, all: boolean): ErrorObject[];
}

/** Loaded with the first input that is checked. */
const loadLibrary = (): typeof import('ajv/dist/2020.js') =>
  createRequire(import.meta.url)('ajv/dist/2020.js');

/** Enough for every model in use at once; one costs a few milliseconds to make again. */
const maxValidators = 500;
/** Nodes of a schema up to which its code is worth being made smaller. */
const maxOptimised = 200;

/** Compiled validators, by model and version. */
export function createValidators(): (key: string, schema: JsonObject) => ModelValidator {
  const cache = new Recent<ModelValidator>(maxValidators);
  return (key, schema) => {
    const known = cache.get(key);
    if (known !== undefined) return known;
    const made = createValidator(schema);
    cache.set(key, made);
    return made;
  };
}

export function createValidator(schema: JsonObject): ModelValidator {
  const plain = toPlainSchema(schema);
  const { strict, nodes } = toStrictSchema(schema);
  let checkAll: ValidateFunction | undefined;
  let checkFirst: ValidateFunction | undefined;
  return {
    plain,
    knownFields: knownFieldsOf(plain),
    check(input, all) {
      const isLarge = nodes > maxOptimised;
      if (all) checkAll ??= compile(strict, { allErrors: true, isLarge });
      else checkFirst ??= compile(strict, { allErrors: false, isLarge });
      const validate = all ? checkAll : checkFirst;
      if (validate === undefined || withinSteps(() => validate(input))) return [];
      return validate.errors ?? [];
    },
  };
}

/**
 * One Ajv per schema: an instance keeps what it ever compiled, and would grow with each version of each model. It has
 * no loader, so that nothing is fetched, and knows only the format that our own references need.
 */
function compile(
  schema: JsonObject,
  { allErrors, isLarge }: { allErrors: boolean; isLarge: boolean },
): ValidateFunction {
  const { Ajv2020 } = loadLibrary();
  const ajv = new Ajv2020({
    allErrors,
    // Choices are looked up and not written out; of a large schema the code is not made smaller, which takes long.
    loopEnum: 8,
    code: { optimize: !isLarge, regExp: toRegExp },
    multipleOfPrecision: 9,
    strict: false,
    verbose: true,
    useDefaults: true,
    ownProperties: true,
    meta: false,
    validateSchema: false,
    logger: false,
    formats: { uri: (value: string) => URL.canParse(value) || isAssetId(value) || isDataUri(value) },
  });
  try {
    return ajv.compile(schema);
  } catch (error) {
    throw new AppError('upstream_malformed', 'The provider describes the inputs of this model wrongly.', {
      nextAction: `Use another model${hint` from ${callOf(searchModels)}`}, or tell whoever runs this server.`,
      cause: error,
    });
  }
}

/**
 * What the strict schema kept runs in linear time, and is looked up when it is run: a validator that held its patterns
 * would keep them for as long as itself. The code is for files that nobody writes here.
 */
function toRegExp(pattern: string): { test(text: string): boolean } {
  return { test: (text) => linearPattern(pattern)?.test(text) ?? true };
}
toRegExp.code = 'toRegExp';

function knownFieldsOf(plain: JsonObject): string[] | undefined {
  const open = plain.additionalProperties;
  const isOpen = open === true || isObject(open) || isObject(plain.patternProperties);
  if (isOpen || !isObject(plain.properties)) return undefined;
  return schemasOf(plain, 'properties').map(([name]) => name);
}

// What is wrong with an input, as an agent can act on it.

/** More problems at once help nobody. */
export const maxProblems = 16;

/** What a validator found, as an agent can act on it: where, what, and which values are allowed. */
export function toProblems(errors: readonly ErrorObject[]): Problem[] {
  const problems = withoutShadows(errors).map(toProblem);
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

export function unknownFieldProblem(path: string, known: readonly string[]): Problem {
  return { path: clip(path, 100), message: 'unknown field', hint: `known: ${listed(known)}` };
}

/** What a field takes, in a few words; undefined when its schema says nothing. */
export function describeField(schema: JsonObject): string | undefined {
  if (isFileSchema(schema)) return 'an http(s) URL, a data: URI or an asset id (asset_…)';
  if (Array.isArray(schema.enum)) return `one of: ${listed(schema.enum.map(String))}`;
  const range = rangeOf(schema);
  const types = typesOf(schema)
    .filter((type) => type !== 'null')
    .join(' or ');
  if (types === '') return range;
  return range === undefined ? types : `${types}, ${range}`;
}

/** `1 to 50`, `at least 1` or `at most 50`. */
export function rangeOf(schema: JsonObject): string | undefined {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (typeof low === 'number' && typeof high === 'number') return `${low} to ${high}`;
  if (typeof low === 'number') return schema.minimum === undefined ? `more than ${low}` : `at least ${low}`;
  if (typeof high === 'number') return schema.maximum === undefined ? `less than ${high}` : `at most ${high}`;
  return undefined;
}

/** Where a choice of schemas fails, its best branch tells more than the choice does; a null branch tells nothing. */
function withoutShadows(errors: readonly ErrorObject[]): ErrorObject[] {
  const telling = errors.filter((error) => !(isWithinChoice(error) && error.params.type === 'null'));
  return telling.filter((error) => {
    if (error.keyword === 'if') return false;
    if (error.keyword !== 'anyOf' && error.keyword !== 'oneOf') return true;
    return !telling.some((other) => other !== error && other.instancePath.startsWith(error.instancePath));
  });
}

function isWithinChoice({ schemaPath }: ErrorObject): boolean {
  return /\/(anyOf|oneOf)\/\d/.test(schemaPath);
}

function toProblem(error: ErrorObject): Problem {
  const path = pathOf(error);
  const schema = isObject(error.parentSchema) ? error.parentSchema : {};
  const field = fieldSchema(error, schema);
  switch (error.keyword) {
    case 'required':
      return { path, message: 'is required', hint: describeField(field) };
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownFieldProblem(path, isObject(schema.properties) ? Object.keys(schema.properties) : []);
    case 'enum':
    case 'const':
      return { path, message: 'is not one of the allowed values', hint: allowedHint(error, schema) };
    case 'type':
      return { path, message: `must be ${typeName(error)}`, hint: typeHint(schema) };
    default:
      return { path, message: boundMessage(error), hint: boundHint(error, schema) };
  }
}

function pathOf({ instancePath, params }: ErrorObject): string {
  const missing: unknown = params.missingProperty ?? params.additionalProperty ?? params.unevaluatedProperty;
  return toDotPath(
    typeof missing === 'string'
      ? `${instancePath}/${missing.replaceAll('~', '~0').replaceAll('/', '~1')}`
      : instancePath,
  );
}

function fieldSchema({ params }: ErrorObject, schema: JsonObject): JsonObject {
  const name: unknown = params.missingProperty;
  const properties = isObject(schema.properties) ? schema.properties : {};
  if (typeof name !== 'string' || !Object.hasOwn(properties, name)) return {};
  const field = properties[name];
  return isObject(field) ? field : {};
}

function allowedHint({ params }: ErrorObject, schema: JsonObject): string {
  const values: unknown = params.allowedValues ?? schema.enum;
  if (Array.isArray(values)) return `one of: ${listed(values.map(String))}`;
  return clip(JSON.stringify(params.allowedValue) ?? '', 200);
}

function typeName({ params }: ErrorObject): string {
  const type: unknown = params.type;
  const types = Array.isArray(type) ? type.map(String) : [String(type)];
  return types.map((name) => (/^[aeio]/.test(name) ? `an ${name}` : `a ${name}`)).join(' or ');
}

function typeHint(schema: JsonObject): string | undefined {
  const hint = describeField(schema);
  // The message names the type already.
  return hint === typesOf(schema).join(' or ') ? undefined : hint;
}

const boundMessages: Readonly<Record<string, string>> = {
  minimum: 'is too small',
  exclusiveMinimum: 'is too small',
  maximum: 'is too large',
  exclusiveMaximum: 'is too large',
  multipleOf: 'is not a multiple of the step',
  minLength: 'is too short',
  maxLength: 'is too long',
  minItems: 'has too few items',
  maxItems: 'has too many items',
  uniqueItems: 'has the same item twice',
  pattern: 'does not have the expected form',
  format: 'does not have the expected form',
  anyOf: 'has none of the allowed forms',
  oneOf: 'does not have exactly one of the allowed forms',
};

function boundMessage({ keyword }: ErrorObject): string {
  return boundMessages[keyword] ?? `does not satisfy ${clip(keyword, 40)}`;
}

function boundHint({ keyword, params }: ErrorObject, schema: JsonObject): string | undefined {
  const limit: unknown = params.limit;
  switch (keyword) {
    case 'minLength':
      return `at least ${limit} characters`;
    case 'maxLength':
      return `at most ${limit} characters`;
    case 'minItems':
      return `at least ${limit} items`;
    case 'maxItems':
      return `at most ${limit} items`;
    case 'multipleOf':
      return `a multiple of ${params.multipleOf}`;
    case 'pattern':
      return `matches ${clip(String(params.pattern), 80)}`;
    case 'format':
      return clip(String(params.format), 40);
    default:
      return rangeOf(schema);
  }
}

function listed(values: readonly string[]): string {
  return clip(values.join(', '), 300);
}

function clip(value: string, length: number): string {
  return value.length > length ? `${value.slice(0, length)}…` : value;
}
