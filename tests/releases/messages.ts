/** Messages of the bus as JSON Schemas and as examples: what two releases that run side by side say to each other. */
import { events, operations, rpcs } from '@inferry/contracts';
import fc from 'fast-check';
import { z } from 'zod';

export interface Side {
  /** What its reader takes. */
  schema: Record<string, unknown>;
  examples: unknown[];
}

/** Every message by its subject and side: `ops.v1.get_run request`. */
export function everyMessage(): ReadonlyMap<string, z.ZodType> {
  return new Map([
    ...operations.flatMap(({ subject, input, reply }): [string, z.ZodType][] => [
      [`${subject} request`, input],
      [`${subject} reply`, reply],
    ]),
    ...rpcs.flatMap(({ subject, input, output }): [string, z.ZodType][] => [
      [`${subject} request`, input],
      [`${subject} reply`, output],
    ]),
    ...events.map(({ subject, payload }): [string, z.ZodType] => [subject, payload]),
  ]);
}

export function schemaOf(message: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(message, {
    ...{ io: 'input', unrepresentable: 'any', reused: 'inline' },
    // Words may change: only what is taken counts.
    override: ({ jsonSchema }) => void delete jsonSchema.description,
  });
}

/** Messages that a writer may write, always the same ones: the least, and some with more of what may be there. */
export function examplesOf(message: z.ZodType, wanted: number): unknown[] {
  const drawn = fc.sample(arbitraryOf(schemaOf(message), 0), { seed: 20_261_130, numRuns: wanted * 8 });
  // What a schema cannot say (dates that exist, one of two fields) is left to the message's own rules.
  const good = drawn.filter((example) => message.safeParse(example).success);
  const bySize = good.map((example) => JSON.stringify(example)).sort((a, b) => a.length - b.length);
  const distinct = [...new Set(bySize)];
  const step = Math.max(1, Math.floor(distinct.length / wanted));
  return distinct
    .filter((_, place) => place % step === 0)
    .slice(0, wanted)
    .map((text) => JSON.parse(text));
}

type Schema = Readonly<Record<string, unknown>>;

function arbitraryOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices))
    return fc.oneof(...choices.map((choice) => arbitraryOf(toSchema(choice), depth)));
  if (Array.isArray(schema.allOf)) {
    return arbitraryOf(Object.assign({}, ...schema.allOf.map(toSchema)), depth);
  }
  switch (schema.type) {
    case 'string':
      return stringOf(schema);
    case 'integer':
      return fc.integer(boundsOf(schema));
    case 'number':
      return fc.integer(boundsOf(schema));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return arrayOf(schema, depth);
    case 'object':
      return objectOf(schema, depth);
    default:
      return fc.constantFrom<unknown>('x', 1, true);
  }
}

function stringOf(schema: Schema): fc.Arbitrary<unknown> {
  const minLength = Number(schema.minLength ?? 0);
  const known = examples[String(schema.format)];
  if (known !== undefined) return fc.constant(known);
  if (typeof schema.pattern === 'string') return fc.stringMatching(new RegExp(schema.pattern));
  return fc.string({
    unit: fc.constantFrom('a', 'b', 'é', '1'),
    minLength,
    maxLength: Math.max(minLength, 6),
  });
}

const examples: Readonly<Record<string, string>> = {
  'date-time': '2026-11-30T12:00:00.000Z',
  uri: 'https://example.com/a',
  email: 'ada@example.com',
};

function boundsOf({ minimum, maximum, exclusiveMinimum }: Schema): { min: number; max: number } {
  const least = Number(minimum ?? (exclusiveMinimum === undefined ? 0 : Number(exclusiveMinimum) + 1));
  // Safe integers are any integers: small ones will do.
  const min = Math.max(least, -1_000);
  return { min, max: Math.max(min, Math.min(Number(maximum ?? 1_000), min + 1_000)) };
}

function arrayOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (Array.isArray(schema.prefixItems))
    return fc.tuple(...schema.prefixItems.map((item) => arbitraryOf(toSchema(item), depth + 1)));
  const minLength = Number(schema.minItems ?? 0);
  const maxLength = Math.max(minLength, depth > 3 ? 1 : 2);
  return fc.array(arbitraryOf(toSchema(schema.items), depth + 1), { minLength, maxLength });
}

function objectOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const properties = Object.entries(toSchema(schema.properties));
  if (properties.length === 0) {
    const value = schema.additionalProperties;
    const values =
      typeof value === 'object' ? arbitraryOf(toSchema(value), depth + 1) : fc.constantFrom<unknown>('x', 1);
    return fc.dictionary(fc.constantFrom('a', 'b'), values, { maxKeys: 2, noNullPrototype: true });
  }
  const fields = properties.map(([name, of]) => [name, arbitraryOf(toSchema(of), depth + 1)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required, noNullPrototype: true });
}

/** `true` and nothing stand for anything. */
function toSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
