/**
 * What makes the input of a base model from the input of a wrapper: five operations in one order, over data alone.
 * 1. the input's fields, and the rendered template as `prompt`; 2. `collect_fields`: several fields into one list;
 * 3. `static_values`: fixed fields, whatever was given; 4. `presets`: one choice into several fields; 5. `renames`;
 * 6. `omit`. At the end a field that only the template or a preset reads is left out where the model has none of that name.
 */
import type { JsonObject } from '@inferry/contracts';

export interface Mappings {
  /** Target to its sources: what is not given is passed over, lists are joined. */
  collect_fields?: Readonly<Record<string, readonly string[]>> | undefined;
  static_values?: JsonObject | undefined;
  /** Field to what each of its choices sets. */
  presets?: Readonly<Record<string, Readonly<Record<string, JsonObject>>>> | undefined;
  renames?: Readonly<Record<string, string>> | undefined;
  omit?: readonly string[] | undefined;
}

/** The one order of the operations, as guides and errors tell it. */
export const mappingOperations = ['collect_fields', 'static_values', 'presets', 'renames', 'omit'] as const;

export const promptField = 'prompt';

interface Source {
  /** The wrapper's own input, valid. */
  input: JsonObject;
  /** The rendered template; undefined where the wrapper has none. */
  prompt: string | undefined;
  mappings: Mappings;
  /** Fields that the template reads. */
  reads: ReadonlySet<string>;
  /** Whether the base model has a field of this name; undefined where nobody knows. */
  hasField(name: string): boolean | undefined;
}

/** The input of the base model. */
export function mapInput({ input, prompt, mappings, reads, hasField }: Source): JsonObject {
  const fields = new Fields(input);
  if (prompt !== undefined) fields.set(promptField, prompt);
  collect(fields, mappings.collect_fields ?? {});
  fields.setAll(mappings.static_values ?? {});
  choose(fields, mappings.presets ?? {}, input);
  rename(fields, mappings.renames ?? {});
  for (const name of mappings.omit ?? []) fields.delete(name);
  for (const name of fields.untouched()) {
    if (isOnlyRead(name, { mappings, reads }) && hasField(name) !== true) fields.delete(name);
  }
  return fields.toObject();
}

/** Fields by name, which of them are still as the caller gave them. */
class Fields {
  readonly #values: Map<string, unknown>;
  readonly #untouched: Set<string>;

  constructor(input: JsonObject) {
    this.#values = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
    this.#untouched = new Set(this.#values.keys());
  }

  set(name: string, value: unknown): void {
    this.#values.set(name, value);
    this.#untouched.delete(name);
  }

  setAll(values: JsonObject): void {
    for (const [name, value] of Object.entries(values)) this.set(name, value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): unknown {
    return this.#values.get(name);
  }

  delete(name: string): void {
    this.#values.delete(name);
  }

  untouched(): string[] {
    return [...this.#untouched];
  }

  toObject(): JsonObject {
    return Object.fromEntries(this.#values);
  }
}

function collect(fields: Fields, wanted: Readonly<Record<string, readonly string[]>>): void {
  const lists = Object.entries(wanted).map(([target, sources]) => ({
    target,
    values: sources.flatMap((source) => fields.get(source) ?? []).filter((value) => value !== ''),
  }));
  for (const source of Object.values(wanted).flat()) fields.delete(source);
  for (const { target, values } of lists) if (values.length > 0) fields.set(target, values);
}

function choose(fields: Fields, presets: NonNullable<Mappings['presets']>, input: JsonObject): void {
  for (const [field, choices] of Object.entries(presets)) {
    const choice = Object.hasOwn(input, field) ? String(input[field]) : '';
    if (Object.hasOwn(choices, choice)) fields.setAll(choices[choice] ?? {});
  }
}

/** All at once, so that two fields can change places. */
function rename(fields: Fields, renames: Readonly<Record<string, string>>): void {
  const moved = Object.entries(renames)
    .filter(([from]) => fields.has(from))
    .map(([from, to]) => ({ from, to, value: fields.get(from) }));
  for (const { from } of moved) fields.delete(from);
  for (const { to, value } of moved) fields.set(to, value);
}

function isOnlyRead(name: string, { mappings, reads }: Pick<Source, 'mappings' | 'reads'>): boolean {
  return reads.has(name) || Object.hasOwn(mappings.presets ?? {}, name);
}

/** A field that the operations can produce, and where it comes from. */
export interface ProducedField {
  name: string;
  /** The wrapper's field that arrives under this name unchanged; undefined where it is made. */
  from?: string | undefined;
  /** Values that the wrapper's author fixed for it. */
  values: readonly unknown[];
  /** It is the rendered template. */
  isPrompt: boolean;
  /** The operation that the author has to look at. */
  by: 'schema' | 'template' | (typeof mappingOperations)[number];
}

/** Everything that `mapInput` can produce for any input of these fields; what two ways lead to is in the list twice. */
export function producedFields(
  names: readonly string[],
  { hasPrompt, mappings, reads, hasField }: Omit<Source, 'input' | 'prompt'> & { hasPrompt: boolean },
): ProducedField[] {
  const { static_values: fixed = {}, renames = {}, omit = [] } = mappings;
  return [...givenFields(names, mappings, hasPrompt), ...madeFields(mappings)]
    .filter(({ name, from, isPrompt }) => !(Object.hasOwn(fixed, name) && (from !== undefined || isPrompt)))
    .map((field) => {
      const to = Object.hasOwn(renames, field.name) ? renames[field.name] : undefined;
      return to === undefined ? field : { ...field, name: to, by: 'renames' as const };
    })
    .filter(({ name, from, by }) => {
      if (omit.includes(name)) return false;
      const isRead = by === 'schema' && from !== undefined && isOnlyRead(from, { mappings, reads });
      return !isRead || hasField(name) === true;
    });
}

function givenFields(names: readonly string[], mappings: Mappings, hasPrompt: boolean): ProducedField[] {
  const sources = Object.values(mappings.collect_fields ?? {}).flat();
  const passed = names.filter((name) => !sources.includes(name) && !(hasPrompt && name === promptField));
  const fields: ProducedField[] = passed.map((name) => ({
    name,
    from: name,
    values: [],
    isPrompt: false,
    by: 'schema',
  }));
  if (hasPrompt) fields.push({ name: promptField, values: [], isPrompt: true, by: 'template' });
  return fields;
}

function madeFields({ collect_fields: lists, static_values: fixed, presets }: Mappings): ProducedField[] {
  const choices = Object.values(presets ?? {}).flatMap((each) => Object.values(each));
  return [
    ...Object.keys(lists ?? {}).map((name) => made(name, [], 'collect_fields')),
    ...Object.entries(fixed ?? {}).map(([name, value]) => made(name, [value], 'static_values')),
    ...choices.flatMap((set) => Object.entries(set).map(([name, value]) => made(name, [value], 'presets'))),
  ];
}

function made(name: string, values: unknown[], by: ProducedField['by']): ProducedField {
  return { name, values, isPrompt: false, by };
}
