import { isObject, type JsonObject, type ModelInput } from '@inferry/contracts';
import { isFileSchema, schemasOf, typesOf } from '../input/foreign-schema.ts';
import { rangeOf } from '../input/model-validator.ts';

const maxDescription = 500;
const maxAllowed = 100;

/** The fields of a model's input as a list to read, required ones first. `schema` is plain (see `toPlainSchema`). */
export function describeInputs(schema: JsonObject): ModelInput[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const inputs = schemasOf(schema, 'properties').map(([name, field]) =>
    describeInput(name, field, required.includes(name)),
  );
  return [...inputs.filter((input) => input.required), ...inputs.filter((input) => !input.required)];
}

function describeInput(name: string, field: JsonObject, isRequired: boolean): ModelInput {
  const input: ModelInput = { name, type: typeText(field) };
  if (isRequired) input.required = true;
  if (field.default !== undefined && field.default !== null) input.default = field.default;
  const description = field.description ?? field.title;
  if (typeof description === 'string') input.description = clip(description);
  const allowed = allowedOf(field);
  if (allowed !== undefined) input.allowed = allowed;
  if (isFileSchema(field) || (isObject(field.items) && isFileSchema(field.items))) input.is_file = true;
  return input;
}

/** `integer, 1 to 50`, `list of string`, `object {x, y}`. */
function typeText(field: JsonObject): string {
  const types = typesOf(field).map((type) => {
    if (type === 'array') return isObject(field.items) ? `list of ${typeText(field.items)}` : 'list';
    if (type !== 'object') return type;
    const names = schemasOf(field, 'properties').map(([name]) => name);
    return names.length === 0 ? 'object' : `object {${names.slice(0, 20).join(', ')}}`;
  });
  const range = rangeOf(field);
  const text = types.length === 0 ? 'any' : types.join(' or ');
  return range === undefined ? text : `${text}, ${range}`;
}

function allowedOf(field: JsonObject): unknown[] | undefined {
  const source = Array.isArray(field.enum) || !isObject(field.items) ? field : field.items;
  if (Array.isArray(source.enum)) return source.enum.slice(0, maxAllowed);
  return source.const === undefined ? undefined : [source.const];
}

function clip(text: string): string {
  return text.length > maxDescription ? `${text.slice(0, maxDescription)}…` : text;
}
