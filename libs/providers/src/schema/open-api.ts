import { isObject, type JsonObject } from '@inferry/contracts';
import { type NormaliseOptions, normaliseSchema } from './normalise-schema.ts';

/** A component of an OpenAPI document (`Input`, `Output`) as a portable schema; undefined when it is not there. */
export function componentSchema(
  document: unknown,
  name: string,
  options: Omit<NormaliseOptions, 'root'> = {},
): JsonObject | undefined {
  if (!isObject(document) || !isObject(document.components)) return undefined;
  const { schemas } = document.components;
  if (!isObject(schemas) || !isObject(schemas[name])) return undefined;
  return normaliseSchema(schemas[name], { ...options, root: document });
}

/** More than anybody reads, or a tool result holds. */
const maxNativeBytes = 256 * 1_024;

/**
 * A component as it is written, untouched. Where it refers to other components they come along under `components`, at the
 * place that its references name. Undefined when it is not there or larger than is of use.
 */
export function nativeComponent(document: unknown, name: string): JsonObject | undefined {
  if (!isObject(document) || !isObject(document.components)) return undefined;
  const { schemas } = document.components;
  if (!isObject(schemas) || !isObject(schemas[name])) return undefined;
  const { [name]: component, ...others } = schemas;
  const refers = JSON.stringify(component).includes('"$ref"');
  const native = refers ? { ...schemas[name], components: { schemas: others } } : schemas[name];
  return JSON.stringify(native).length > maxNativeBytes ? undefined : native;
}

/** The schema of the JSON body of an operation, by its path; the first POST when no path is named. */
export function requestBodySchema(
  document: unknown,
  path?: string,
  options: Omit<NormaliseOptions, 'root'> = {},
): JsonObject | undefined {
  if (!isObject(document) || !isObject(document.paths)) return undefined;
  const entries = Object.entries(document.paths).filter(([name]) => path === undefined || name === path);
  const post = entries.map(([, item]) => (isObject(item) ? item.post : undefined)).find(isObject);
  const schema = contentSchema(post?.requestBody);
  return schema === undefined ? undefined : normaliseSchema(schema, { ...options, root: document });
}

function contentSchema(body: unknown): JsonObject | undefined {
  if (!isObject(body) || !isObject(body.content)) return undefined;
  const media = Object.values(body.content).find(isObject);
  return media !== undefined && isObject(media.schema) ? media.schema : undefined;
}
