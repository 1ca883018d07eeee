import {
  callOf,
  createUpload,
  hint,
  isObject,
  type JsonObject,
  type Problem,
  readDataUri,
} from '@inferry/contracts';
import { isFileSchema, maxDepth, schemasOf } from './schema-parts.ts';

/** A value of an input that stands for a file. */
export interface FileField {
  /** JSON pointer (RFC 6901). */
  pointer: string;
  value: string;
}

/** Every file that an input names, at any depth. */
export function findFileFields(
  schema: JsonObject,
  value: unknown,
  at = { pointer: '', depth: 0 },
): FileField[] {
  if (at.depth > maxDepth) return [];
  if (typeof value === 'string') return isFileSchema(schema) ? [{ pointer: at.pointer, value }] : [];
  const below = (name: string | number) => ({
    pointer: `${at.pointer}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    depth: at.depth + 1,
  });
  if (Array.isArray(value)) {
    // `x-inferry-file` may stand on the list as well as on its items.
    const items = isObject(schema.items) ? schema.items : {};
    const itemSchema = isFileSchema(schema)
      ? { ...items, 'x-inferry-file': schema['x-inferry-file'] }
      : items;
    return value.flatMap((item, index) => findFileFields(itemSchema, item, below(index)));
  }
  if (!isObject(value)) return [];
  return schemasOf(schema, 'properties').flatMap(([name, property]) =>
    Object.hasOwn(value, name) ? findFileFields(property, value[name], below(name)) : [],
  );
}

/** Why a value cannot stand for a file; undefined when it can. The value is never repeated: it may be anything. */
export function fileProblem({ pointer, value }: FileField): Problem | undefined {
  if (isAssetId(value) || isWebUrl(value) || readDataUri(value) !== undefined) return undefined;
  const path = toDotPath(pointer);
  if (isLocalPath(value)) {
    return {
      path,
      message: 'is a local path, which cannot be read from here',
      hint: hint`send the file with ${callOf(createUpload)}, then pass its asset id`,
    };
  }
  return { path, message: 'is not a file', hint: 'an http(s) URL, a data: URI or an asset id (asset_…)' };
}

export function isAssetId(value: string): boolean {
  return /^asset_[A-Za-z0-9_-]{1,100}$/.test(value);
}

export function isWebUrl(value: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(value) && URL.canParse(value);
}

/** `/images/0/url` as people write it: `images.0.url`. */
export function toDotPath(pointer: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
  return path.length > 100 ? `${path.slice(0, 100)}…` : path;
}

function isLocalPath(value: string): boolean {
  return (
    /^(\/|\.{1,2}[/\\]|~|[a-z]:[/\\]|\\\\|file:)/i.test(value) || /^[^\s:]+\.[a-z0-9]{2,5}$/i.test(value)
  );
}
