import { isExactInteger, isObject, type JsonObject } from '@inferry/contracts';

/** What `{{…}}` may stand for: `model`, `model.path`, `run_id`, `input`, `input.prompt`, `handle.id`. */
export type Names = Readonly<Record<string, unknown>>;

const placeholder = /\{\{\s*([\w.-]+)\s*\}\}/g;
const whole = /^\{\{\s*([\w.-]+)\s*\}\}$/;

/**
 * A JSON template with its placeholders filled in. A field whose whole value is a placeholder for something absent is
 * left out; the key `...` is replaced by the fields of its object.
 */
export function fillTemplate(template: unknown, names: Names): unknown {
  if (typeof template === 'string') return fillText(template, names);
  if (Array.isArray(template)) return template.map((item) => fillTemplate(item, names));
  if (!isObject(template) || isExactInteger(template)) return template;
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(template)) {
    const filled = fillTemplate(value, names);
    if (key === '...') Object.assign(result, isObject(filled) ? filled : {});
    else if (filled !== undefined) result[key] = filled;
  }
  return result;
}

function fillText(text: string, names: Names): unknown {
  const only = whole.exec(text)?.[1];
  if (only !== undefined) return valueNamed(only, names);
  return text.replace(placeholder, (_, name: string) => toText(valueNamed(name, names)));
}

/** A path: what is filled in cannot add segments or a query, but for the slashes of a model's id. */
export function fillPath(text: string, names: Names): string {
  return text.replace(placeholder, (_, name: string) =>
    toText(valueNamed(name, names)).split('/').map(encodeURIComponent).join('/'),
  );
}

/** An address that the platform gave, or a text with such parts. */
export function fillUrl(text: string, names: Names): string {
  return toText(fillText(text, names));
}

function valueNamed(name: string, names: Names): unknown {
  if (Object.hasOwn(names, name)) return names[name];
  const [first = '', ...rest] = name.split('.');
  return rest.reduce<unknown>(
    (value, part) => (isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined),
    names[first],
  );
}

function toText(value: unknown): string {
  if (isExactInteger(value)) return value.$integer;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** Every value at a JSON pointer (RFC 6901); `*` is every item of a list or field of an object. */
export function valuesAt(body: unknown, pointer: string): unknown[] {
  const parts = pointer.split('/').slice(1);
  return parts.reduce<unknown[]>((nodes, part) => nodes.flatMap((node) => step(node, part)), [body]);
}

function step(node: unknown, part: string): unknown[] {
  if (part === '*') return Array.isArray(node) ? node : isObject(node) ? Object.values(node) : [];
  const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
  if (Array.isArray(node))
    return /^\d+$/.test(name) && Number(name) < node.length ? [node[Number(name)]] : [];
  return isObject(node) && Object.hasOwn(node, name) ? [node[name]] : [];
}

export function textAt(body: unknown, pointer: string | undefined): string | undefined {
  const [value] = pointer === undefined ? [] : valuesAt(body, pointer);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
