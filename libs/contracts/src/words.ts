/**
 * Calls within texts: whoever writes a hint names an operation and its arguments, and the profile that a client meets says
 * it with the name of its own tool, or leaves the sentence out. They are marked by characters for private use, which pass
 * through errors, replies, rows and frames like any text.
 */
import type { AnyOperation } from './operation.ts';

/** How a profile says a call. */
export interface Words {
  /** A call of an operation with these arguments; undefined where the profile has no tool for it. */
  call(operation: string, args: readonly Said[]): string | undefined;
  /** A model by its id of ours. */
  model(id: string): string;
  /** An argument of an operation by itself; undefined where the tool has none like it. */
  argument(operation: string, name: string): string | undefined;
}

/** An argument of a call: with its value as text, or its name alone. */
export interface Said {
  name: string;
  value: string | undefined;
}

const marks = {
  /** Begins and ends a sentence that stands or falls with the calls in it. */
  open: '\uE0F0',
  close: '\uE0F1',
  /** Around a call. */
  begin: '\uE0F2',
  end: '\uE0F3',
  /** Before each of its arguments, and before the value of one. */
  next: '\uE0F4',
  is: '\uE0F5',
} as const;
const everyMark = /[\uE0F0-\uE0F5]/g;
const sentence = /( ?)\uE0F0([^\uE0F0\uE0F1]*)\uE0F1/g;
const part = /\uE0F2([^\uE0F2\uE0F3]*)\uE0F3/g;

/** Marks a call of an operation in a text; an argument without a value is said by its name. */
export function callOf(
  operation: Pick<AnyOperation, 'name'>,
  args: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>> = {},
): string {
  const said = Object.entries(args).map(
    ([name, value]) => marks.next + name + (value === undefined ? '' : marks.is + JSON.stringify(value)),
  );
  return marks.begin + operation.name + said.join('') + marks.end;
}

/** Marks an argument of an operation in a text. */
export function argumentOf(operation: Pick<AnyOperation, 'name'>, name: string): string {
  return `${marks.begin}.${operation.name}${marks.next}${name}${marks.end}`;
}

/** Marks a model's id in a text: a profile may have a shorter one. */
export function modelId(id: string): string {
  return `${marks.begin}=${id}${marks.end}`;
}

/** A sentence, or a part of one, that is left out where one of its calls cannot be made: `hint\`Look with ${callOf(getRun)}.\``. */
export function hint(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const said = texts.map((text, index) => text + String(values[index] ?? '')).join('');
  return marks.open + said + marks.close;
}

/** Whether a text holds a mark: one of one-byte characters answers this without being read. */
export function hasWords(text: string): boolean {
  return text.includes(marks.begin) || text.includes(marks.open);
}

/** A text, or a text in JSON, in the words of a profile. */
export function inWords(text: string, words: Words): string {
  if (words === laterWords || !hasWords(text)) return text;
  return text
    .replace(sentence, (_all, space: string, said: string) => {
      const told = sayParts(said, words);
      return told === undefined ? '' : space + told;
    })
    .replace(part, (_all, call: string) => sayPart(call, words) ?? '')
    .replace(everyMark, '');
}

function sayParts(text: string, words: Words): string | undefined {
  let isWhole = true;
  const said = text.replace(part, (_all, call: string) => {
    const told = sayPart(call, words);
    if (told === undefined) isWhole = false;
    return told ?? '';
  });
  return isWhole ? said : undefined;
}

function sayPart(call: string, words: Words): string | undefined {
  const [name = '', ...args] = call.split(marks.next);
  if (name.startsWith('=')) return words.model(name.slice(1));
  if (name.startsWith('.')) return words.argument(name.slice(1), args[0] ?? '');
  const said = args.map((arg): Said => {
    const [argument = '', value] = arg.split(marks.is);
    return { name: argument, value };
  });
  return words.call(name, said);
}

/** The same of every text in a value; a text that was nothing but what is left out goes with its field. */
export function valueInWords(value: unknown, words: Words): unknown {
  if (words === laterWords) return value;
  if (typeof value === 'string') return inWords(value, words);
  if (Array.isArray(value)) return value.map((item) => valueInWords(item, words));
  if (typeof value !== 'object' || value === null) return value;
  const said = Object.entries(value).map(([name, item]) => [name, valueInWords(item, words)] as const);
  return Object.fromEntries(said.filter(([name, item]) => item !== '' || Reflect.get(value, name) === ''));
}

/** `get_run(run_id, wait_seconds=25)`: a call as agents read it. */
export function writeCall(name: string, args: readonly Said[]): string {
  if (args.length === 0) return name;
  return `${name}(${args.map((arg) => (arg.value === undefined ? arg.name : `${arg.name}=${arg.value}`)).join(', ')})`;
}

/** Operations by their own names: the canonical tools have the same. */
export const plainWords: Words = {
  call: writeCall,
  argument: (_operation, name) => name,
  model: (id) => id,
};

/** Leaves calls marked as they are: whoever passes the text on knows what its client calls them. */
export const laterWords: Words = {
  call: (operation, args) =>
    marks.begin +
    operation +
    args
      .map(({ name, value }) => marks.next + name + (value === undefined ? '' : marks.is + value))
      .join('') +
    marks.end,
  argument: (operation, name) => `${marks.begin}.${operation}${marks.next}${name}${marks.end}`,
  model: (id) => id,
};
