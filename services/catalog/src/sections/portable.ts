import type { JsonObject } from '@inferry/contracts';
import { isMedium, normaliseSchema } from '@inferry/providers/schema';

/** A model's schema as every client can read it. Validation goes by the schema as its provider wrote it. */
export function toPortable(schema: JsonObject): JsonObject {
  return normaliseSchema(schema, {
    // Which fields take files was decided where the schema came from; here nothing is guessed.
    fileMedium({ schema: { 'x-inferry-file': mark } }) {
      return isMedium(mark) ? mark : undefined;
    },
  });
}
