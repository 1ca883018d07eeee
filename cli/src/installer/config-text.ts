/**
 * One entry put into, read from or taken out of the text of a client's configuration, with every other character left
 * as it is: comments, order, indentation, trailing commas, line endings and a byte order mark.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Dialect, Entry } from '@inferry/clients';
import { jsonText } from './json-text.ts';
import { BrokenConfig, type EntryPath, type TextEditor } from './text-editor.ts';
import { tomlText } from './toml-text.ts';
import { yamlText } from './yaml-text.ts';

const editors: Record<Dialect, TextEditor> = {
  json: jsonText({ isStrict: true }),
  jsonc: jsonText({ isStrict: false }),
  toml: tomlText,
  yaml: yamlText,
};

/** A client's configuration; every change is the whole new text. What cannot be read throws `BrokenConfig`. */
export interface ConfigText {
  /** The servers by name. */
  entries(servers: string): Entry;
  /** Whether the property of all servers is there at all. */
  hasServers(servers: string): boolean;
  put(path: EntryPath, entry: Entry): string;
  /** `withServers` takes the property of all servers away too, when it is empty then. */
  remove(path: EntryPath, withServers: boolean): string;
}

export function openConfig(dialect: Dialect, text: string): ConfigText {
  const editor = editors[dialect];
  const { body, wrap } = unwrap(text);
  const before = editor.parse(body);

  /** Nothing leaves here that was not read again: all that was there is there, and the entry as it should be. */
  function check(changed: string, expected: Entry): string {
    if (!isSame(editor.parse(changed), expected)) {
      throw new BrokenConfig('it is written in a way that cannot be changed safely; change it by hand');
    }
    return wrap(changed);
  }

  return {
    entries: (servers) => serversOf(before, servers) ?? {},
    hasServers: (servers) => serversOf(before, servers) !== undefined,
    put(path, entry) {
      const known = serversOf(before, path.servers);
      if (isSame(known?.[path.name], entry)) return text;
      const expected = { ...before, [path.servers]: { ...known, [path.name]: entry } };
      return check(editor.put(body, path, entry), expected);
    },
    remove(path, withServers) {
      const known = serversOf(before, path.servers);
      if (known === undefined || !Object.hasOwn(known, path.name)) return text;
      const { [path.name]: _gone, ...others } = known;
      const { [path.servers]: _servers, ...rest } = before;
      const dropsServers = withServers && Object.keys(others).length === 0;
      const expected = dropsServers ? rest : { ...before, [path.servers]: others };
      const changed = editor.remove(body, path, dropsServers);
      // Where an entry's own header is all that says that there are servers, they go with the last one.
      const isLast =
        Object.keys(others).length === 0 && serversOf(editor.parse(changed), path.servers) === undefined;
      return check(changed, isLast ? rest : expected);
    },
  };
}

/** In a way that knows neither prototypes nor the types of numbers and dates of a dialect. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) return one === other;
  const plain = (value: unknown) =>
    JSON.parse(JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)));
  return isDeepStrictEqual(plain(one), plain(other));
}

function serversOf(document: Entry, servers: string): Entry | undefined {
  const value = Object.hasOwn(document, servers) ? document[servers] : undefined;
  // A property without a value, as YAML and hand-written files have it.
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new BrokenConfig(`its "${servers}" is no object`);
  }
  return value as Entry;
}

function unwrap(text: string): { body: string; wrap(body: string): string } {
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const inner = text.slice(mark.length);
  // A file of mixed endings keeps those of the lines that nobody touches: it is edited as it is.
  const isWindows = inner.includes('\r\n') && !/(^|[^\r])\n/.test(inner);
  return {
    body: isWindows ? inner.replaceAll('\r\n', '\n') : inner,
    wrap: (body) => mark + (isWindows ? body.replaceAll('\n', '\r\n') : body),
  };
}
