/** An input as its model takes it: unset fields left out, exact numbers kept, bounded in size, checked and quoted. */
import {
  callOf,
  coerce,
  createUpload,
  hint,
  isExactInteger,
  isObject,
  isUnset,
  type JsonObject,
  type Problem,
  type Quote,
} from '@inferry/contracts';
import { type Provider, type ProviderModel, quoteByTable, quotePrice } from '@inferry/providers';
import { fileProblem, findFileFields, isFileSchema, maxDepth, schemasOf, typesOf } from './foreign-schema.ts';
import {
  describeField,
  type ModelValidator,
  maxProblems,
  toProblems,
  unknownFieldProblem,
} from './model-validator.ts';

interface PreparedInput {
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

const maxFound = 1_000;

interface Place {
  holder: JsonObject | unknown[];
  key: string | number;
  exact: unknown;
  nearest: number;
}

/** Runs a check while every `ExactInteger` is the number nearest to it; afterwards the input has its digits again. */
function withNearestNumbers<T>(input: JsonObject, check: () => T): T {
  const places = placesIn(input);
  for (const place of places) put(place, place.nearest);
  try {
    return check();
  } finally {
    // What was taken out meanwhile stays out.
    for (const place of places) if (read(place) === place.nearest) put(place, place.exact);
  }
}

/** Never recursive: how deep an input may be was looked at before. */
function placesIn(input: JsonObject): Place[] {
  const places: Place[] = [];
  const left: (JsonObject | unknown[])[] = [input];
  for (let holder = left.pop(); holder !== undefined && places.length < maxFound; holder = left.pop()) {
    for (const [name, value] of Object.entries(holder)) {
      const key = Array.isArray(holder) ? Number(name) : name;
      if (isExactInteger(value)) places.push({ holder, key, exact: value, nearest: Number(value.$integer) });
      else if (isObject(value) || Array.isArray(value)) left.push(value);
    }
  }
  return places;
}

function read({ holder, key }: Place): unknown {
  if (Array.isArray(holder)) return holder[Number(key)];
  return Object.hasOwn(holder, key) ? holder[key] : undefined;
}

function put({ holder, key }: Place, value: unknown): void {
  if (Array.isArray(holder)) holder[Number(key)] = value;
  else holder[key] = value;
}

/** `value` without the optional fields and the items that are not set. `schema` is plain (see `toPlainSchema`). */
function withoutUnsetFields(schema: JsonObject, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = isObject(schema.items) ? schema.items : {};
    return value
      .filter((item) => !(isUnset(item) && refuses(items, item)))
      .map((item) => withoutUnsetFields(items, item));
  }
  if (!isObject(value)) return value;
  const fields = new Map(schemasOf(schema, 'properties'));
  const required = Array.isArray(schema.required) ? schema.required : [];
  const isOpen = schema.additionalProperties === true || isObject(schema.additionalProperties);
  const given = Object.entries(value).filter(([name, field]) => {
    if (!isUnset(field) || required.includes(name)) return true;
    const fieldSchema = fields.get(name);
    // A field that the model does not have, and that is not set, is no mistake to be told of.
    return fieldSchema === undefined ? isOpen || fields.size === 0 : !refuses(fieldSchema, field);
  });
  return Object.fromEntries(
    given.map(([name, field]) => [name, withoutUnsetFields(fields.get(name) ?? {}, field)]),
  );
}

function refuses(schema: JsonObject, value: unknown): boolean {
  if (Array.isArray(schema.enum) && schema.enum.length > 0)
    return !schema.enum.includes(value) && !isNullable(schema, value);
  if (schema.const !== undefined) return schema.const !== value;
  const types = typesOf(schema);
  if (value === null) return types.length > 0 && !isNullable(schema, value);
  if (types.length > 0 && !types.includes('string')) return true;
  return isFileSchema(schema) || hasLength(schema) || !matches(schema);
}

function isNullable(schema: JsonObject, value: unknown): boolean {
  return value === null && (schema.nullable === true || typesOf(schema).includes('null'));
}

/** Forms such as dates and addresses have something in them. */
function hasLength({ minLength, format }: JsonObject): boolean {
  return (typeof minLength === 'number' && minLength > 0) || typeof format === 'string';
}

function matches({ pattern }: JsonObject): boolean {
  if (typeof pattern !== 'string') return true;
  // Of patterns nothing is run here but those that plainly want something: a text's first character, or one at least.
  return !/^\^?(?:\[[^\]]*\]|\\[dwS]|\.)\+?\$?$/.test(pattern) || pattern.includes('*');
}

const maxBytes = 1_000_000;

/** Why an input is too large or too deep to look at; undefined when it is neither. Never recursive. */
function boundsProblem(input: unknown): Problem | undefined {
  const { depth, bytes } = measure(input);
  if (depth > maxDepth)
    return { path: '', message: 'is nested too deeply', hint: `at most ${maxDepth} levels` };
  if (bytes <= maxBytes) return undefined;
  return {
    path: '',
    message: 'is larger than 1 MB',
    hint: hint`store large values with ${callOf(createUpload)} and pass the asset id`,
  };
}

/** How many values an input holds. */
function countValues(input: unknown): number {
  return measure(input).values;
}

interface Measured {
  depth: number;
  bytes: number;
  values: number;
}

function measure(input: unknown): Measured {
  const measured: Measured = { depth: 0, bytes: 0, values: 0 };
  const left: { value: unknown; depth: number }[] = [{ value: input, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, depth } = next;
    measured.values += 1;
    measured.bytes += sizeOf(value);
    if (depth > measured.depth) measured.depth = depth;
    if (measured.depth > maxDepth || measured.bytes > maxBytes) return measured;
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, child] of Object.entries(value)) {
      measured.bytes += Array.isArray(value) ? 1 : name.length + 3;
      left.push({ value: child, depth: depth + 1 });
    }
  }
  return measured;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2;
  return typeof value === 'object' ? 2 : 5;
}

/**
 * What an input costs. Of one that is not valid, the wrong fields are left out and named as unpriced, and the quote is
 * an estimate.
 */
export function quoteInput(
  provider: Provider,
  model: ProviderModel,
  { input, problems }: { input: JsonObject; problems: readonly Problem[] },
): Quote {
  const wrong = wrongFields(problems);
  if (wrong.length === 0 && problems.length === 0) return askProvider(provider, model, input);
  const usable = Object.fromEntries(Object.entries(input).filter(([name]) => !wrong.includes(name)));
  const quote = askProvider(provider, model, usable);
  return { ...quote, exact: false, unpriced_inputs: [...new Set([...quote.unpriced_inputs, ...wrong])] };
}

/** The top-level fields that problems are about, whether or not the input has them. */
export function wrongFields(problems: readonly Problem[]): string[] {
  const names = problems.map(({ path }) => path.split('.')[0] ?? '').filter((name) => name !== '');
  return [...new Set(names)];
}

/** Two questions each to the provider's price function. */
const maxChoicesInAll = 100;
const maxChoices = 8;

/**
 * The span of prices over the fields that are still open, for whoever has not decided: one field after the other is
 * set to what costs least and, apart from that, to what costs most.
 */
export function quoteRange(
  provider: Provider,
  model: ProviderModel,
  { input, open }: { input: JsonObject; open: readonly [string, JsonObject][] },
): Quote {
  const ask = (candidate: JsonObject): Pick => ({
    input: candidate,
    quote: askProvider(provider, model, candidate),
  });
  const start = ask(input);
  let low = start;
  let high = start;
  const choices = open.flatMap(([name, schema]) => choicesOf(schema).map((choice) => ({ [name]: choice })));
  for (const choice of choices.slice(0, maxChoicesInAll)) {
    const lower = ask({ ...low.input, ...choice });
    if (isLess(lower.quote, low.quote)) low = lower;
    const higher = ask({ ...high.input, ...choice });
    if (isMore(higher.quote, high.quote)) high = higher;
  }
  const min = low.quote.min ?? low.quote.max;
  const max = high.quote.max;
  return {
    ...start.quote,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    exact: false,
  };
}

interface Pick {
  input: JsonObject;
  quote: Quote;
}

function isLess(a: Quote, b: Quote): boolean {
  return (a.min ?? a.max ?? Number.POSITIVE_INFINITY) < (b.min ?? b.max ?? Number.POSITIVE_INFINITY);
}

function isMore(a: Quote, b: Quote): boolean {
  return (a.max ?? a.min ?? 0) > (b.max ?? b.min ?? 0);
}

/** The values of a field that may move a price: its choices, or both ends of its range. */
function choicesOf(schema: JsonObject): unknown[] {
  if (Array.isArray(schema.enum)) return schema.enum.slice(0, maxChoices);
  return [schema.minimum, schema.maximum].filter((bound) => typeof bound === 'number');
}

function askProvider(provider: Provider, model: ProviderModel, input: JsonObject): Quote {
  try {
    // What the operator says of a price holds whatever the platform's own adapter would make of it.
    if (model.price.expression !== undefined) return quotePrice(model, input);
    if (model.price.isOwnTable === true) return quoteByTable(model, input);
    return provider.quote(model, input);
  } catch {
    // A price function that cannot cope with this input still has the price in the catalog.
    return catalogPrice(model, Object.keys(input));
  }
}

function catalogPrice({ price }: ProviderModel, unpriced: string[]): Quote {
  return {
    currency: price.currency,
    ...(price.amount === undefined ? {} : { min: price.amount }),
    exact: false,
    unpriced_inputs: unpriced,
    basis: price.basis,
  };
}
