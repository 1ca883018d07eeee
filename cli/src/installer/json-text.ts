import type { Entry } from '@inferry/clients';
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { BrokenConfig, type TextEditor } from './text-editor.ts';

/** JSON, or JSON with comments and trailing commas, edited by the offsets of its syntax tree. */
export function jsonText({ isStrict }: { isStrict: boolean }): TextEditor {
  const root = (text: string) => readRoot(text, isStrict);
  return {
    // as: the root is an object, checked by readRoot.
    parse: (text) => (text.trim() === '' ? {} : (getNodeValue(root(text)) as Entry)),
    put(text, { servers, name }, entry) {
      if (text.trim() === '') return `${JSON.stringify({ [servers]: { [name]: entry } }, undefined, 2)}\n`;
      const tree = root(text);
      const known = findNodeAtLocation(tree, [servers, name]);
      if (known !== undefined) return replace(text, known, entry);
      const all = findNodeAtLocation(tree, [servers]);
      if (all === undefined) return insert(text, tree, [servers, { [name]: entry }]);
      if (all.type !== 'object') return replace(text, all, { [name]: entry });
      return insert(text, all, [name, entry]);
    },
    remove(text, { servers, name }, withServers) {
      const path = withServers ? [servers] : [servers, name];
      const value = findNodeAtLocation(root(text), path);
      return value?.parent === undefined ? text : cut(text, value.parent);
    },
  };
}

function readRoot(text: string, isStrict: boolean): Node {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: isStrict, allowTrailingComma: !isStrict });
  const [first] = errors;
  if (first !== undefined) {
    throw new BrokenConfig(
      `it is not valid: ${printParseErrorCode(first.error)}`,
      lineAt(text, first.offset),
    );
  }
  if (tree?.type !== 'object') throw new BrokenConfig('it is no object', 1);
  const doubled = findDoubled(tree);
  if (doubled !== undefined) {
    throw new BrokenConfig(`"${doubled.value}" stands there twice`, lineAt(text, doubled.offset));
  }
  return tree;
}

/** Two properties of one name: programs disagree on which of them counts. */
function findDoubled(object: Node, depth = 0): Node | undefined {
  const seen = new Set<string>();
  for (const { children = [] } of object.children ?? []) {
    const [key, value] = children;
    if (key === undefined) continue;
    if (seen.has(key.value)) return key;
    seen.add(key.value);
    const inner = value?.type === 'object' && depth === 0 ? findDoubled(value, 1) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function replace(text: string, node: Node, value: unknown): string {
  const written =
    isOnOneLine(text, node) && node.type === 'object' && (node.children ?? []).length > 0
      ? JSON.stringify(value)
      : write(value, indentAt(text, node.offset), unitOf(text));
  return text.slice(0, node.offset) + written + text.slice(node.offset + node.length);
}

/** As the last property of an object, in the way that the ones before it are written. */
function insert(text: string, object: Node, [key, value]: [key: string, value: unknown]): string {
  const last = object.children?.at(-1);
  const unit = unitOf(text);
  const end = object.offset + object.length - 1;
  const own = indentAt(text, object.offset);
  if (last === undefined) {
    const inner = text.slice(object.offset + 1, end);
    const property = `${own}${unit}${JSON.stringify(key)}: ${write(value, own + unit, unit)}`;
    // What stands in an empty object is comments: they stay before the new property.
    const kept = inner.trim() === '' ? '' : inner.trimEnd();
    return `${text.slice(0, object.offset + 1)}${kept}\n${property}\n${own}${text.slice(end)}`;
  }
  const lastEnd = last.offset + last.length;
  const { commaAt, lineEnd } = afterProperty(text, lastEnd, end);
  if (isOnOneLine(text, object)) {
    const at = commaAt === undefined ? lastEnd : commaAt + 1;
    const property = ` ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    return `${text.slice(0, at)}${commaAt === undefined ? `,${property}` : `${property},`}${text.slice(at)}`;
  }
  const indent = indentAt(text, last.offset);
  const property = `\n${indent}${JSON.stringify(key)}: ${write(value, indent, unit)}`;
  if (commaAt !== undefined) return `${text.slice(0, lineEnd)}${property},${text.slice(lineEnd)}`;
  return `${text.slice(0, lastEnd)},${text.slice(lastEnd, lineEnd)}${property}${text.slice(lineEnd)}`;
}

/** Without the property, its comma and its lines. */
function cut(text: string, property: Node): string {
  const siblings = property.parent?.children ?? [];
  const index = siblings.indexOf(property);
  const before = siblings[index - 1];
  const objectEnd = (property.parent?.offset ?? 0) + (property.parent?.length ?? 0) - 1;
  const propertyEnd = property.offset + property.length;
  const { commaAt } = afterProperty(text, propertyEnd, siblings[index + 1]?.offset ?? objectEnd);
  const end = commaAt === undefined ? propertyEnd : commaAt + 1;
  const start = startOf(text, property, before);
  let rest = text.slice(end);
  let head = text.slice(0, start);
  if (commaAt === undefined && before !== undefined) {
    // The last one of a list without a trailing comma: the comma of the one before goes too.
    const beforeEnd = before.offset + before.length;
    const { commaAt: earlier } = afterProperty(text, beforeEnd, property.offset);
    if (earlier !== undefined) head = head.slice(0, earlier) + head.slice(earlier + 1);
  }
  if (siblings.length === 1 && head.trimEnd().endsWith('{') && rest.trimStart().startsWith('}')) {
    head = head.trimEnd();
    rest = rest.trimStart();
  }
  return head + rest;
}

/** From the end of the line before, where the property begins a line of its own. */
function startOf(text: string, property: Node, before: Node | undefined): number {
  const lineStart = text.lastIndexOf('\n', property.offset);
  const isFirstOnLine = lineStart >= 0 && text.slice(lineStart, property.offset).trim() === '';
  if (isFirstOnLine) return lineStart;
  const gap = text.slice(before === undefined ? 0 : before.offset + before.length, property.offset);
  return property.offset - (gap.length - gap.trimEnd().length);
}

interface Following {
  /** Of the comma that follows the property; undefined where none does. */
  commaAt: number | undefined;
  /** Where its line ends: comments behind the property belong to it. */
  lineEnd: number;
}

function afterProperty(text: string, from: number, end: number): Following {
  const commaAt = findOutside(text.slice(from, end), ',');
  const last = commaAt === undefined ? from : from + commaAt + 1;
  const newline = findOutside(text.slice(last, end), '\n');
  return {
    commaAt: commaAt === undefined ? undefined : from + commaAt,
    lineEnd: newline === undefined ? last : last + newline,
  };
}

/** Where a character stands outside of comments, with nothing but blanks and comments before it. */
function findOutside(text: string, wanted: ',' | '\n'): number | undefined {
  const before =
    wanted === ',' ? /^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/ : /^(?:[ \t]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/;
  const length = before.exec(text)?.[0].length ?? 0;
  return text.charAt(length) === wanted ? length : undefined;
}

function isOnOneLine(text: string, node: Node): boolean {
  return !text.slice(node.offset, node.offset + node.length).includes('\n');
}

function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

/** One step of the file's indentation. */
function unitOf(text: string): string {
  return /\n([ \t]+)"/.exec(text)?.[1] ?? '  ';
}

function write(value: unknown, indent: string, unit: string): string {
  return JSON.stringify(value, undefined, unit).replaceAll('\n', `\n${indent}`);
}
