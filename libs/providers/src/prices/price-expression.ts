/**
 * A price as an expression of the input, such as `0.02 * images * (resolution == "4k" ? 2 : 1)`: a small language that has no
 * names but the input's and what is billed by, no loops and no way out. It is computed with the least and the most of
 * what is not known, so that a quote is as sure as its inputs are.
 */
import type { JsonObject, Quote } from '@inferry/contracts';
import {
  type Billed,
  charactersIn,
  countIn,
  PricedInput,
  pixelsIn,
  secondsIn,
  tokensIn,
} from './billed-units.ts';

const maxLength = 1_000;
const maxNodes = 200;
const maxDepth = 24;

type Operator = '+' | '-' | '*' | '/' | '<' | '<=' | '>' | '>=' | '==' | '!=' | '&&' | '||';

type Node =
  | { kind: 'number'; value: number }
  | { kind: 'text'; value: string }
  | { kind: 'name'; name: string }
  | { kind: 'unary'; operator: '-' | '!'; of: Node }
  | { kind: 'binary'; operator: Operator; left: Node; right: Node }
  | { kind: 'choice'; when: Node; then: Node; otherwise: Node }
  | { kind: 'call'; name: string; given: Node[] };

/** What an expression comes to: a number within bounds, a text, or something that nobody can tell. */
type Value = { low: number; high: number } | { text: string } | { isUnknown: true };

/** An expression that can be computed. Throws `PriceExpressionError` for what is none, with the place. */
export interface PriceExpression {
  quote(
    model: { currency: string; basis: Quote['basis']; inputSchema: JsonObject },
    input: JsonObject,
  ): Quote;
}

export class PriceExpressionError extends Error {
  constructor(message: string, at: number) {
    super(`${message} at character ${at + 1}`);
    this.name = 'PriceExpressionError';
  }
}

/** What is billed by, as the units of plain prices count it: of all results together but where a single one is meant. */
const measures: Readonly<Record<string, (input: PricedInput) => Billed>> = {
  requests: () => ({ least: 1, most: 1, unseen: [] }),
  images: countIn,
  megapixels: (input) => scaled(pixelsIn(input), 1e-6),
  seconds: secondsIn,
  hours: (input) => scaled(secondsIn(input), 1 / 3_600),
  characters: charactersIn,
  tokens: tokensIn,
};

function scaled({ least, most, unseen }: Billed, by: number): Billed {
  return { least: least * by, most: most === undefined ? undefined : most * by, unseen };
}

const functions: Readonly<Record<string, { least: number; most: number; of(values: number[]): number }>> = {
  min: { least: 1, most: 8, of: (values) => Math.min(...values) },
  max: { least: 1, most: 8, of: (values) => Math.max(...values) },
  // Of all of these more comes to no less, so that bounds stay bounds.
  ceil: { least: 1, most: 1, of: ([value = 0]) => Math.ceil(value - 1e-9) },
  floor: { least: 1, most: 1, of: ([value = 0]) => Math.floor(value + 1e-9) },
  round: { least: 1, most: 1, of: ([value = 0]) => Math.round(value) },
};

export function readPriceExpression(source: string): PriceExpression {
  const tree = new Reader(source).read();
  return {
    quote({ currency, basis, inputSchema }, input) {
      const seen = new Seen(new PricedInput(input, inputSchema));
      const value = evaluate(tree, seen);
      const unseen = [...seen.unseen];
      if (!('low' in value) || Number.isNaN(value.low) || Number.isNaN(value.high))
        return { currency, exact: false, unpriced_inputs: unseen, basis: 'unknown' };
      const [least, most] = [rounded(Math.max(0, value.low)), rounded(Math.max(0, value.high))];
      return {
        currency,
        ...(Number.isFinite(least) && (least > 0 || Number.isFinite(most)) && { min: least }),
        ...(Number.isFinite(most) && { max: most }),
        exact: least === most && Number.isFinite(most) && unseen.length === 0,
        unpriced_inputs: unseen,
        basis,
      };
    },
  };
}

function rounded(amount: number): number {
  return Math.round(amount * 1e8) / 1e8;
}

/** The input that is priced, with the names of what was asked for and could not be read. */
class Seen {
  readonly unseen = new Set<string>();
  readonly #input: PricedInput;

  constructor(input: PricedInput) {
    this.#input = input;
  }

  valueOf(name: string): Value {
    const measure = Object.hasOwn(measures, name) ? measures[name] : undefined;
    if (measure !== undefined) {
      const { least, most, unseen } = measure(this.#input);
      if (least !== most) for (const each of unseen) this.unseen.add(each);
      return { low: least, high: most ?? Number.POSITIVE_INFINITY };
    }
    const field = this.#input.field([name.toLowerCase().replace(/[^a-z0-9]/g, '')]);
    const given = valueIn(field?.value);
    if (given !== undefined) return given;
    this.unseen.add(field?.name ?? name);
    return field === undefined || field.value !== undefined ? { isUnknown: true } : boundsOf(field.schema);
  }
}

/** A field that has a value; undefined where nobody can compute with it. */
function valueIn(value: unknown): Value | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return { low: value, high: value };
  if (typeof value === 'boolean') return truth(value);
  if (typeof value === 'string') return ofText(value);
  return Array.isArray(value) ? { low: value.length, high: value.length } : undefined;
}

/** A field that has none: what its schema lets it be. */
function boundsOf({ minimum, maximum }: JsonObject): Value {
  if (typeof minimum !== 'number' && typeof maximum !== 'number') return { isUnknown: true };
  return {
    low: typeof minimum === 'number' ? minimum : Number.NEGATIVE_INFINITY,
    high: typeof maximum === 'number' ? maximum : Number.POSITIVE_INFINITY,
  };
}

function ofText(text: string): Value {
  const isNumber = /^-?\d{1,15}(\.\d{1,15})?$/.test(text.trim());
  return isNumber ? { low: Number(text), high: Number(text) } : { text };
}

function truth(value: boolean): Value {
  return value ? { low: 1, high: 1 } : { low: 0, high: 0 };
}

const either: Value = { low: 0, high: 1 };

function evaluate(node: Node, seen: Seen): Value {
  switch (node.kind) {
    case 'number':
      return { low: node.value, high: node.value };
    case 'text':
      return { text: node.value };
    case 'name':
      return seen.valueOf(node.name);
    case 'unary':
      return negated(node.operator, evaluate(node.of, seen));
    case 'call':
      return called(node, seen);
    case 'choice':
      return chosen(node, seen);
    case 'binary':
      return node.operator === '&&' || node.operator === '||'
        ? joined(node.operator, node, seen)
        : combined(node.operator, evaluate(node.left, seen), evaluate(node.right, seen));
  }
}

/** True, false, or undefined where nobody can tell. */
function isTrue(value: Value): boolean | undefined {
  if ('isUnknown' in value) return undefined;
  if ('text' in value) return value.text !== '';
  if (value.low > 0 || value.high < 0) return true;
  return value.low === 0 && value.high === 0 ? false : undefined;
}

function negated(operator: '-' | '!', value: Value): Value {
  if (operator === '!') {
    const is = isTrue(value);
    return is === undefined ? either : truth(!is);
  }
  return 'low' in value ? { low: -value.high, high: -value.low } : { isUnknown: true };
}

function called({ name, given }: Extract<Node, { kind: 'call' }>, seen: Seen): Value {
  const values = given.map((one) => evaluate(one, seen)).map(bounds);
  const { of } = functions[name] ?? { of: () => Number.NaN };
  return { low: of(values.map(({ low }) => low)), high: of(values.map(({ high }) => high)) };
}

/** A number that nobody can tell is any. */
function bounds(value: Value): { low: number; high: number } {
  return 'low' in value ? value : { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
}

/** Where nobody can tell which, both are possible. */
function chosen({ when, then, otherwise }: Extract<Node, { kind: 'choice' }>, seen: Seen): Value {
  const is = isTrue(evaluate(when, seen));
  if (is !== undefined) return evaluate(is ? then : otherwise, seen);
  const [one, other] = [evaluate(then, seen), evaluate(otherwise, seen)];
  if (!('low' in one) || !('low' in other)) return { isUnknown: true };
  return { low: Math.min(one.low, other.low), high: Math.max(one.high, other.high) };
}

function joined(
  operator: '&&' | '||',
  { left, right }: Extract<Node, { kind: 'binary' }>,
  seen: Seen,
): Value {
  const one = isTrue(evaluate(left, seen));
  if (one === (operator === '||')) return truth(one);
  const other = isTrue(evaluate(right, seen));
  if (other === (operator === '||')) return truth(other);
  return one === undefined || other === undefined ? either : truth(other);
}

function combined(operator: Exclude<Operator, '&&' | '||'>, one: Value, other: Value): Value {
  if (operator === '==' || operator === '!=') {
    const same = areSame(one, other);
    return same === undefined ? either : truth(same === (operator === '=='));
  }
  const [left, right] = [bounds(one), bounds(other)];
  const products = () => [
    times(left.low, right.low),
    times(left.low, right.high),
    times(left.high, right.low),
    times(left.high, right.high),
  ];
  switch (operator) {
    case '+':
      return { low: left.low + right.low, high: left.high + right.high };
    case '-':
      return { low: left.low - right.high, high: left.high - right.low };
    case '*':
      return { low: Math.min(...products()), high: Math.max(...products()) };
    case '/':
      return divided(left, right);
    case '<':
      return compared(left.high < right.low, left.low >= right.high);
    case '<=':
      return compared(left.high <= right.low, left.low > right.high);
    case '>':
      return compared(left.low > right.high, left.high <= right.low);
    case '>=':
      return compared(left.low >= right.high, left.high < right.low);
  }
}

function areSame(one: Value, other: Value): boolean | undefined {
  if ('isUnknown' in one || 'isUnknown' in other) return undefined;
  if ('text' in one && 'text' in other) return one.text.toLowerCase() === other.text.toLowerCase();
  if ('text' in one || 'text' in other) return false;
  if (one.low === one.high && other.low === other.high) return one.low === other.low;
  return one.high < other.low || other.high < one.low ? false : undefined;
}

function compared(isSo: boolean, isNot: boolean): Value {
  if (isSo) return truth(true);
  return isNot ? truth(false) : either;
}

/** Nothing of any number is nothing. */
function times(one: number, other: number): number {
  return one === 0 || other === 0 ? 0 : one * other;
}

/** By what may be nothing, nobody can divide. */
function divided(left: { low: number; high: number }, right: { low: number; high: number }): Value {
  if (right.low <= 0 && right.high >= 0) return { isUnknown: true };
  const all = [left.low / right.low, left.low / right.high, left.high / right.low, left.high / right.high];
  return { low: Math.min(...all), high: Math.max(...all) };
}

interface Token {
  kind: 'number' | 'text' | 'name' | 'sign' | 'end';
  text: string;
  at: number;
}

const pattern =
  /\s*(?:(\d+(?:\.\d+)?)|"([^"\\]{0,100})"|'([^'\\]{0,100})'|([a-zA-Z_][\w.]{0,99})|(<=|>=|==|!=|&&|\|\||[-+*/<>!?:(),]))/y;

const strengths: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
};

/** Reads by the strength of operators; each call consumes at least one token, and there are only so many. */
class Reader {
  readonly #tokens: Token[];
  #at = 0;
  #nodes = 0;
  #depth = 0;

  constructor(source: string) {
    if (source.length > maxLength) throw new PriceExpressionError('is too long', maxLength);
    this.#tokens = tokensOf(source);
  }

  read(): Node {
    const node = this.#choice();
    if (this.#next().kind !== 'end') throw unexpected(this.#next());
    return node;
  }

  #next(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', at: 0 };
  }

  #takes(sign: string): boolean {
    const { kind, text } = this.#next();
    if (kind !== 'sign' || text !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) throw new PriceExpressionError(`lacks ${sign}`, this.#next().at);
  }

  #made(node: Node): Node {
    this.#nodes += 1;
    if (this.#nodes > maxNodes) throw new PriceExpressionError('has too many parts', this.#next().at);
    return node;
  }

  #within<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new PriceExpressionError('is too deep', this.#next().at);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #choice(): Node {
    return this.#within(() => {
      const when = this.#binary(1);
      if (!this.#takes('?')) return when;
      const then = this.#choice();
      this.#expect(':');
      return this.#made({ kind: 'choice', when, then, otherwise: this.#choice() });
    });
  }

  #binary(strength: number): Node {
    let left = this.#unary();
    for (;;) {
      const { kind, text } = this.#next();
      const own = kind === 'sign' && Object.hasOwn(strengths, text) ? (strengths[text] ?? 0) : 0;
      if (own < strength || own === 0) return left;
      this.#at += 1;
      // as: only operators have a strength.
      const operator = text as Operator;
      left = this.#made({ kind: 'binary', operator, left, right: this.#within(() => this.#binary(own + 1)) });
    }
  }

  #unary(): Node {
    for (const operator of ['-', '!'] as const) {
      if (this.#takes(operator))
        return this.#made({ kind: 'unary', operator, of: this.#within(() => this.#unary()) });
    }
    return this.#simple();
  }

  #simple(): Node {
    const token = this.#next();
    this.#at += 1;
    if (token.kind === 'number') return this.#made({ kind: 'number', value: Number(token.text) });
    if (token.kind === 'text') return this.#made({ kind: 'text', value: token.text });
    if (token.kind === 'name')
      return this.#takes('(') ? this.#call(token) : this.#made({ kind: 'name', name: token.text });
    if (token.kind === 'sign' && token.text === '(') {
      const inside = this.#choice();
      this.#expect(')');
      return inside;
    }
    throw unexpected(token);
  }

  #call({ text: name, at }: Token): Node {
    const known = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (known === undefined)
      throw new PriceExpressionError(`knows no ${name}(), only ${Object.keys(functions).join(', ')}`, at);
    const given = [this.#choice()];
    while (this.#takes(',')) given.push(this.#choice());
    this.#expect(')');
    if (given.length < known.least || given.length > known.most)
      throw new PriceExpressionError(`gives ${name}() ${given.length} values`, at);
    return this.#made({ kind: 'call', name, given });
  }
}

function unexpected({ kind, text, at }: Token): PriceExpressionError {
  return new PriceExpressionError(kind === 'end' ? 'ends too soon' : `cannot have ${text}`, at);
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (source.slice(at).trim() !== '') {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) throw new PriceExpressionError('cannot be read', at);
    const [whole, number, double, single, name, sign] = match;
    const begins = at + whole.length - whole.trimStart().length;
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at: begins });
    else if (name !== undefined)
      tokens.push({ kind: 'name', text: name.replace(/^input\./, ''), at: begins });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at: begins });
    else tokens.push({ kind: 'text', text: double ?? single ?? '', at: begins });
    at += whole.length;
  }
  return [...tokens, { kind: 'end', text: '', at: source.length }];
}
