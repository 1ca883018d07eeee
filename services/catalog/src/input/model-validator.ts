import { createRequire } from 'node:module';
import {
  AppError,
  callOf,
  hint,
  isDataUri,
  isObject,
  type JsonObject,
  Recent,
  searchModels,
} from '@inferry/contracts';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { isAssetId } from './file-fields.ts';
import { linearPattern, withinSteps } from './linear-pattern.ts';
import { toPlainSchema } from './plain-schema.ts';
import { schemasOf } from './schema-parts.ts';
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
