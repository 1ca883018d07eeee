/**
 * Prompt templates: Handlebars without escaping, with five helpers and one block, parsed by Handlebars' own parser and
 * evaluated here, so that a template can reach nothing but its input and ends after a counted number of steps.
 */
import { parse } from '@handlebars/parser';
import { AppError, isExactInteger, isObject, type JsonObject } from '@inferry/contracts';

export const maxTemplateBytes = 50 * 1_024;
/** Of what a template makes. */
export const maxPromptBytes = 1_000_000;

/** The parser's time grows with the square of these: a template within them is parsed in some milliseconds. */
const most = { tags: 500, words: 2_000, blocks: 100, branches: 100, calls: 16 };
const maxDepth = 24;
/** A template has no loops: these are far more than the largest one needs. */
const maxSteps = 10_000;
/** So many characters compared or written count as one step. */
const charactersPerStep = 4_096;

const helpers: Readonly<Record<string, { min: number; max: number }>> = {
  lookup: { min: 2, max: 2 },
  eq: { min: 2, max: 2 },
  and: { min: 1, max: 32 },
  or: { min: 1, max: 32 },
  exists: { min: 1, max: 1 },
};

type Expression =
  | { kind: 'path'; parts: readonly string[] }
  | { kind: 'value'; value: unknown }
  | { kind: 'call'; name: string; args: readonly Expression[] };

type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'print'; what: Expression }
  | { kind: 'if'; test: Expression; met: readonly Piece[]; otherwise: readonly Piece[] };

/** What the parser makes; its own types cannot be read by name from an ES module. */
interface Program {
  body: readonly Statement[];
  blockParams?: readonly string[];
  /** An `else` branch that is written with the condition of its own. */
  chained?: boolean;
}

interface Call {
  path: Node;
  params: readonly Node[];
  hash?: { pairs: readonly { key: string }[] };
}

type Statement =
  | { type: 'ContentStatement'; value: string }
  | {
      type:
        | 'CommentStatement'
        | 'PartialStatement'
        | 'PartialBlockStatement'
        | 'Decorator'
        | 'DecoratorBlock';
    }
  | ({ type: 'MustacheStatement' } & Call)
  | Block;

type Block = { type: 'BlockStatement'; program?: Program; inverse?: Program } & Call;

type Node =
  | { type: 'PathExpression'; parts: readonly unknown[]; data: boolean; depth: number; original: string }
  | ({ type: 'SubExpression' } & Call)
  | { type: 'StringLiteral' | 'NumberLiteral' | 'BooleanLiteral'; value: unknown }
  | { type: 'NullLiteral' | 'UndefinedLiteral' | 'ArrayLiteral' | 'HashLiteral' };

export interface Template {
  /** What it reads of the input: the first parts of its paths, without `maps` and `constants`. */
  reads: ReadonlySet<string>;
  /** What it reads of `maps` and `constants`, as `maps.mood`. */
  context: ReadonlySet<string>;
  /** Throws `validation_failed` when the output grows past what a prompt may be. */
  render(values: JsonObject): string;
}

/** Throws `validation_failed` with the reason, in the author's words: what the template has and what to do instead. */
export function compileTemplate(source: string): Template {
  refuseCostly(source);
  const pieces = toPieces(parsed(source), 0);
  const reads = new Set<string>();
  const context = new Set<string>();
  for (const [head = '', next] of pathsOf(pieces)) {
    if (head !== 'maps' && head !== 'constants') reads.add(head);
    else if (next !== undefined) context.add(`${head}.${next}`);
  }
  return { reads, context, render: (values) => new Rendering(values).of(pieces) };
}

/** Before the parser sees it. What is counted here is never less than what the parser meets. */
function refuseCostly(source: string): void {
  if (Buffer.byteLength(source) > maxTemplateBytes) throw wrong('is larger than 50 KB');
  if (source.includes('{{{{')) throw wrong('has a raw block: write the text without it');
  const [, ...tags] = source.split('{{');
  if (tags.length > most.tags) throw wrong(`has more than ${most.tags} tags`);
  const counts = tags.map((tag) => countTag(tag.split('}}', 1)[0] ?? ''));
  for (const what of ['words', 'blocks', 'branches'] as const) {
    const total = counts.reduce((sum, count) => sum + count[what], 0);
    if (total > most[what]) throw wrong(`has more than ${most[what]} ${what} in its tags`);
  }
}

function countTag(tag: string): { words: number; blocks: number; branches: number } {
  // A comment is one token, however long it is.
  if (/^~?!/.test(tag)) return { words: 1, blocks: 0, branches: 0 };
  const bare = withoutLiterals(tag);
  if (bare === undefined) throw wrong(`has braces or an open quote within {{${clip(tag)}`);
  if (bare.split('(').length > most.calls) throw wrong('is nested too deeply');
  return {
    words: bare.match(/[\w$-]+|[^\s\w$-]/g)?.length ?? 0,
    blocks: /^~?[#^]/.test(tag) ? 1 : 0,
    branches: /^~?(?:\s*else\b|\^)/.test(tag) ? 1 : 0,
  };
}

const closers: Readonly<Record<string, string>> = { '"': '"', "'": "'", '[': ']' };

/** A tag with a word for each quoted text and bracketed name, in one pass; undefined where one has no end. */
function withoutLiterals(tag: string): string | undefined {
  let bare = '';
  for (let at = 0; at < tag.length; at++) {
    const character = tag.charAt(at);
    const closer = closers[character];
    if (closer === undefined) bare += character;
    else {
      at = endOf(tag, closer, at + 1);
      if (at < 0) return undefined;
      bare += ' x ';
    }
  }
  return bare;
}

/** Where a literal ends: a backslash before its closing character keeps it open, as the parser has it. */
function endOf(tag: string, closer: string, from: number): number {
  let end = tag.indexOf(closer, from);
  while (end > from && tag.charAt(end - 1) === '\\') end = tag.indexOf(closer, end + 1);
  return end;
}

function parsed(source: string): Program {
  try {
    // as: the shapes above are those of the parser's documentation; what is of no known type is refused.
    return parse(source) as unknown as Program;
  } catch (error) {
    const [first = '', place = '', ...rest] = (error instanceof Error ? error.message : '').split('\n');
    const expected = rest.join(' ').replaceAll(/\s+/g, ' ').slice(0, 120);
    throw wrong(`cannot be read: ${[first, place, expected].join(' ').trim().slice(0, 240)}`);
  }
}

function toPieces(program: Program | undefined, depth: number): Piece[] {
  if (depth > maxDepth) throw wrong('is nested too deeply');
  return (program?.body ?? []).flatMap((statement) => toPiece(statement, depth));
}

function toPiece(statement: Statement, depth: number): Piece[] {
  switch (statement.type) {
    case 'ContentStatement':
      return [{ kind: 'text', text: statement.value }];
    case 'CommentStatement':
      return [];
    case 'MustacheStatement':
      return [{ kind: 'print', what: toPrinted(statement) }];
    case 'BlockStatement':
      return [toIf(statement, depth)];
    case 'PartialStatement':
    case 'PartialBlockStatement':
      throw wrong('has a partial: write its text here, or put it into constants');
    default:
      throw wrong('has an inline partial or a decorator: write the text itself');
  }
}

function toPrinted(call: Call): Expression {
  if (call.path.type === 'PathExpression' && call.params.length === 0) {
    refuseHash(call);
    return toPath(call.path);
  }
  return toCall(call);
}

function toIf(block: Block, depth: number): Piece {
  const { path, params, program, inverse } = block;
  const name = nameOf(path);
  if (name !== 'if') throw wrong(`has a block ${clip(name)}: the only block is if, with else`);
  const [test, ...more] = params;
  if (test === undefined || more.length > 0) throw wrong('has an if without exactly one condition');
  refuseHash(block);
  if ((program?.blockParams ?? []).length > 0) throw wrong('has an if with block parameters');
  return {
    kind: 'if',
    test: toExpression(test),
    met: toPieces(program, depth + 1),
    // A chain of else branches is written at one level, and read as blocks within blocks.
    otherwise: toPieces(inverse, inverse?.chained === true ? depth : depth + 1),
  };
}

function toExpression(node: Node): Expression {
  switch (node.type) {
    case 'PathExpression':
      return toPath(node);
    case 'SubExpression':
      return toCall(node);
    case 'StringLiteral':
    case 'NumberLiteral':
    case 'BooleanLiteral':
      return { kind: 'value', value: node.value };
    case 'NullLiteral':
      return { kind: 'value', value: null };
    case 'UndefinedLiteral':
      return { kind: 'value', value: undefined };
    default:
      throw wrong('has a list or an object: put it into maps');
  }
}

function toPath({ parts, data, depth, original }: Extract<Node, { type: 'PathExpression' }>): Expression {
  const names = parts.filter((part) => typeof part === 'string');
  if (data || depth > 0 || names.length === 0 || names.length < parts.length)
    throw wrong(`reads ${clip(original)}: only fields of the input, maps and constants can be read`);
  return { kind: 'path', parts: names };
}

function toCall(call: Call): Expression {
  const name = nameOf(call.path);
  const arity = Object.hasOwn(helpers, name) ? helpers[name] : undefined;
  if (arity === undefined) {
    throw wrong(`calls ${clip(name)}: the helpers are ${Object.keys(helpers).join(', ')}`);
  }
  const { params } = call;
  if (params.length < arity.min || params.length > arity.max) {
    throw wrong(`calls ${name} with ${params.length} arguments`);
  }
  refuseHash(call);
  return { kind: 'call', name, args: params.map(toExpression) };
}

function nameOf(node: Node): string {
  return node.type === 'PathExpression' ? node.original : '';
}

function refuseHash({ hash }: Call): void {
  const [pair] = hash?.pairs ?? [];
  if (pair !== undefined) throw wrong(`has ${clip(pair.key)}=…: helpers take no named arguments`);
}

function* pathsOf(pieces: readonly Piece[]): Generator<readonly string[]> {
  for (const piece of pieces) {
    if (piece.kind === 'print') yield* pathsIn(piece.what);
    if (piece.kind !== 'if') continue;
    yield* pathsIn(piece.test);
    yield* pathsOf(piece.met);
    yield* pathsOf(piece.otherwise);
  }
}

function* pathsIn(expression: Expression): Generator<readonly string[]> {
  if (expression.kind === 'path') yield expression.parts;
  if (expression.kind === 'call') for (const arg of expression.args) yield* pathsIn(arg);
}

/** One evaluation, with its counters. */
class Rendering {
  readonly #values: JsonObject;
  readonly #parts: string[] = [];
  #bytes = 0;
  #steps = 0;

  constructor(values: JsonObject) {
    this.#values = values;
  }

  of(pieces: readonly Piece[]): string {
    this.#write(pieces);
    return this.#parts.join('');
  }

  #write(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      this.#step();
      if (piece.kind === 'if') {
        const isMet = !isEmpty(this.#value(piece.test));
        this.#write(isMet ? piece.met : piece.otherwise);
      } else this.#put(piece.kind === 'text' ? piece.text : toText(this.#value(piece.what)));
    }
  }

  #put(text: string): void {
    this.#step(text.length);
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > maxPromptBytes) throw wrong('makes a prompt of more than 1 MB from this input');
    this.#parts.push(text);
  }

  #value(expression: Expression): unknown {
    this.#step();
    if (expression.kind === 'value') return expression.value;
    if (expression.kind === 'path') return readPath(this.#values, expression.parts);
    const args = expression.args.map((arg) => this.#value(arg));
    const [first, second] = args;
    switch (expression.name) {
      case 'lookup':
        return ownOf(first, second);
      case 'eq':
        this.#step(typeof first === 'string' ? first.length : 0);
        return first === second;
      case 'and':
        return args.every(Boolean);
      case 'or':
        return args.some(Boolean);
      default:
        return first !== undefined && first !== null && first !== '';
    }
  }

  #step(characters = 0): void {
    this.#steps += 1 + Math.floor(characters / charactersPerStep);
    if (this.#steps > maxSteps) throw wrong('takes too many steps');
  }
}

/** Only what values have of their own: nothing of a prototype, and nothing of text. */
function readPath(values: JsonObject, parts: readonly string[]): unknown {
  let value: unknown = values;
  for (const part of parts) value = ownOf(value, part);
  return value;
}

function ownOf(value: unknown, name: unknown): unknown {
  if (typeof name !== 'string' && typeof name !== 'number') return undefined;
  if (Array.isArray(value)) return /^\d+$/.test(String(name)) ? value[Number(name)] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** As Handlebars' own `if` has it: an empty list is as good as none. */
function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : !value;
}

function toText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (isExactInteger(value)) return value.$integer;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function wrong(what: string): AppError {
  return new AppError('validation_failed', `The template ${what}.`, {
    nextAction: 'Correct the template and call again. Nothing was stored, run or charged.',
    details: { errors: [{ path: 'template', message: what }] },
  });
}
