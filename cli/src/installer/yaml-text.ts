import type { Entry } from '@inferry/clients';
import { isMap, isScalar, type Pair, parseDocument, stringify, type YAMLMap } from 'yaml';
import { BrokenConfig, type TextEditor } from './text-editor.ts';

/** YAML, edited by the ranges of its nodes: an entry is lines of its own below the property of all servers. */
export const yamlText: TextEditor = {
  parse(text) {
    const value: unknown = read(text).toJS() ?? {};
    if (typeof value !== 'object' || Array.isArray(value)) throw new BrokenConfig('it is no mapping', 1);
    // as: a mapping, checked above.
    return value as Entry;
  },
  put(text, { servers, name }, entry) {
    const pair = findPair(read(text).contents, servers);
    const all = pair?.value;
    if (!isMap(all) || (all.flow && all.items.length === 0)) {
      const property = stringify({ [servers]: { [name]: entry } }, { lineWidth: 0 });
      if (pair === undefined) return `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${property}`;
      const [from, to] = linesOf(text, pair);
      return text.slice(0, from) + property + text.slice(to);
    }
    if (all.flow) throw new BrokenConfig(`its "${servers}" stands on one line; write it as lines`);
    const known = findPair(all, name);
    const first = all.items[0];
    const indent = first === undefined ? '  ' : indentOf(text, startOf(first));
    const lines = stringify({ [name]: entry }, { lineWidth: 0 }).replace(/^(?=.)/gm, indent);
    if (known !== undefined) {
      const [from, to] = linesOf(text, known);
      return text.slice(0, from) + lines + text.slice(to);
    }
    const last = all.items.at(-1);
    const [, to] = last === undefined ? [0, text.length] : linesOf(text, last);
    const head = text.slice(0, to);
    return `${head}${head.endsWith('\n') ? '' : '\n'}${lines}${text.slice(to)}`;
  },
  remove(text, { servers, name }, withServers) {
    const pair = findPair(read(text).contents, servers);
    if (!isMap(pair?.value)) return text;
    const known = withServers ? pair : findPair(pair.value, name);
    if (known === undefined) return text;
    const [from, to] = linesOf(text, known);
    const rest = text.slice(0, from) + text.slice(to);
    // A mapping that lost its last entry is written as an empty one.
    if (withServers || pair.value.items.length > 1) return rest;
    return `${text.slice(0, from).trimEnd()} {}\n${text.slice(to)}`;
  },
};

function read(text: string) {
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new BrokenConfig(`it is not valid YAML: ${error.message.split('\n')[0]}`, error.linePos?.[0].line);
  }
  return document;
}

function findPair(node: unknown, key: string): Pair | undefined {
  if (!isMap(node)) return undefined;
  return (node as YAMLMap).items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

function startOf(pair: Pair): number {
  return isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
}

/** The whole lines of a pair, from its key to the end of its value, without comments that follow. */
function linesOf(text: string, pair: Pair): [from: number, to: number] {
  const start = startOf(pair);
  const value = pair.value;
  const range = typeof value === 'object' && value !== null && 'range' in value ? value.range : undefined;
  const valueEnd = Array.isArray(range) ? Number(range[1]) : start;
  const from = text.lastIndexOf('\n', start) + 1;
  // A block's value ends behind its last line.
  if (valueEnd > 0 && text.charAt(valueEnd - 1) === '\n') return [from, valueEnd];
  const lineEnd = text.indexOf('\n', valueEnd);
  return [from, lineEnd < 0 ? text.length : lineEnd + 1];
}

function indentOf(text: string, offset: number): string {
  return ' '.repeat(offset - (text.lastIndexOf('\n', offset - 1) + 1));
}
