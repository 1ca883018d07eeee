import { AppError, isObject, type JsonObject } from '@inferry/contracts';
import { Recent } from '@inferry/runtime';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { isAssetId, isDataUri } from './file-fields.ts';
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

/** Enough for every model in use at once; one costs a few milliseconds to make again. */
const maxValidators = 500;

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
  const strict = toStrictSchema(schema);
  let checkAll: ValidateFunction | undefined;
  let checkFirst: ValidateFunction | undefined;
  return {
    plain,
    knownFields: knownFieldsOf(plain),
    check(input, all) {
      if (all) checkAll ??= compile(strict, true);
      else checkFirst ??= compile(strict, false);
      const validate = all ? checkAll : checkFirst;
      return validate === undefined || validate(input) ? [] : (validate.errors ?? []);
    },
  };
}

/**
 * One Ajv per schema: an instance keeps what it ever compiled, and would grow with each version of each model. It has
 * no loader, so that nothing is fetched, and knows only the format that our own references need.
 */
function compile(schema: JsonObject, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv2020({
    allErrors,
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
      nextAction: 'Use another model from search_models, or tell whoever runs this server.',
      cause: error,
    });
  }
}

function knownFieldsOf(plain: JsonObject): string[] | undefined {
  const open = plain.additionalProperties;
  const isOpen = open === true || isObject(open) || isObject(plain.patternProperties);
  if (isOpen || !isObject(plain.properties)) return undefined;
  return schemasOf(plain, 'properties').map(([name]) => name);
}
