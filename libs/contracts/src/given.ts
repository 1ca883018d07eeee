/**
 * What of a caller's arguments counts as given. Models that must fill every argument in write `null` or `""` where they have
 * nothing to say; a NUL or half a character is nothing that any store keeps.
 */
import { isObject } from './coerce.ts';
import type { Problem } from './content.ts';
import type { JsonObject } from './portable-schema.ts';

/** Arguments whose content is judged by the schema of a model, or is one. */
const foreign: ReadonlySet<string> = new Set(['input', 'definition', 'patch', 'sample_input']);

/** Whether a value says that there is none. */
export function isUnset(value: unknown): boolean {
  return value === null || value === '';
}

/** Arguments without those that are optional and not set, at every level that the schema describes. */
export function withoutUnset(schema: JsonObject, value: unknown): unknown {
  if (Array.isArray(value)) return itemsGiven(isObject(schema.items) ? schema.items : {}, value);
  return isObject(value) ? fieldsGiven(schema, value) : value;
}

function itemsGiven(schema: JsonObject, items: unknown[]): unknown[] {
  const given = items.filter((item) => !isUnset(item)).map((item) => withoutUnset(schema, item));
  return given.length === items.length && given.every((item, at) => item === items[at]) ? items : given;
}

/** Most have nothing to leave out, and every call passes here: then it is the value itself. */
function fieldsGiven(schema: JsonObject, value: JsonObject): JsonObject {
  const required = Array.isArray(schema.required) ? schema.required : [];
  let given: JsonObject | undefined;
  for (const name of Object.keys(value)) {
    const field = value[name];
    const kept = foreign.has(name) ? field : withoutUnset(schemaOf(schema, name), field);
    const isLeftOut = isUnset(field) && !required.includes(name);
    if (kept === field && !isLeftOut) continue;
    given ??= { ...value };
    if (isLeftOut) delete given[name];
    else given[name] = kept;
  }
  return given ?? value;
}

function schemaOf({ properties }: JsonObject, name: string): JsonObject {
  const inner = isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isObject(inner) ? inner : {};
}

/** The first name or value that cannot be kept, and where; undefined when all can. */
export function unstorable(value: unknown, path = ''): Problem | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : { path, ...cannotBeKept };
  if (Array.isArray(value)) return firstOf(value.entries(), path);
  return isObject(value) ? firstOf(Object.entries(value), path) : undefined;
}

const cannotBeKept = {
  message: 'has a character that cannot be stored',
  hint: 'leave out NUL (\\u0000) and halves of surrogate pairs',
};

function firstOf(entries: Iterable<[string | number, unknown]>, path: string): Problem | undefined {
  for (const [name, item] of entries) {
    if (typeof name === 'string' && !isStorable(name)) {
      return { path: path === '' ? 'a name' : path, ...cannotBeKept };
    }
    const problem = unstorable(item, path === '' ? String(name) : `${path}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
