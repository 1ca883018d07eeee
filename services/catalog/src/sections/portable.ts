import { isObject, type JsonObject } from '@inferry/contracts';
import { isMedium, normaliseSchema } from '@inferry/providers/schema';
import { linearPatterns } from '../input/foreign-schema.ts';

/** A model's schema as every client can read it. Validation goes by the schema as its provider wrote it. */
export function toPortable(schema: JsonObject): JsonObject {
  const portable = normaliseSchema(schema, {
    // Which fields take files was decided where the schema came from; here nothing is guessed.
    fileMedium({ schema: { 'x-inferry-file': mark } }) {
      return isMedium(mark) ? mark : undefined;
    },
  });
  return withPatternsThatHold(portable, linearPatterns());
}

/** A pattern that is not run here is told as what it is: words of the platform's, which it checks itself. */
function withPatternsThatHold(schema: JsonObject, linear: ReturnType<typeof linearPatterns>): JsonObject {
  const { pattern, ...rest } = schema;
  const isRun = typeof pattern !== 'string' || linear(pattern) !== undefined;
  const told = isRun ? schema : { ...rest, description: describe(rest.description, pattern) };
  const { properties, items } = told;
  return {
    ...told,
    ...(isObject(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => [
          name,
          isObject(field) ? withPatternsThatHold(field, linear) : field,
        ]),
      ),
    }),
    ...(isObject(items) && { items: withPatternsThatHold(items, linear) }),
  };
}

function describe(description: unknown, pattern: string): string {
  const note = `Form, checked by the provider alone: ${pattern.slice(0, 200)}`;
  return typeof description === 'string' && description !== '' ? `${description} ${note}` : note;
}
