import { AppError, isObject, type JsonObject } from '@inferry/contracts';

/** What a body becomes when a field of it is refused; undefined leaves the refusal as it is. */
type Second = (body: JsonObject) => JsonObject;

/** Fields that are ours to leave out or to call by another name, since no caller has asked for them like that. */
const seconds: readonly [name: string, Second][] = [
  ['stream_options', (body) => without(body, ['stream_options'])],
  ['max_completion_tokens', (body) => renamed(body, ['max_completion_tokens', 'max_tokens'])],
  ['max_tokens', (body) => renamed(body, ['max_tokens', 'max_completion_tokens'])],
  ['encoding_format', (body) => without(body, ['encoding_format'])],
  ['stream', (body) => without(body, ['stream', 'stream_options'])],
];

/**
 * Sends a body, and sends it again without what the server has refused by name. Only a 400 or a 422 leads to another try:
 * a server that refuses a body has taken nothing, and each field is left out once.
 */
export async function sendWithout<T>(body: JsonObject, send: (body: JsonObject) => Promise<T>): Promise<T> {
  const tried = new Set<string>();
  for (let asked = body; ; ) {
    try {
      return await send(asked);
    } catch (error) {
      const field = refusedField(error, asked);
      if (field === undefined || tried.has(field[0])) throw error;
      tried.add(field[0]);
      asked = field[1](asked);
    }
  }
}

function refusedField(error: unknown, body: JsonObject): (typeof seconds)[number] | undefined {
  if (!(error instanceof AppError) || (error.upstreamStatus !== 400 && error.upstreamStatus !== 422)) {
    return undefined;
  }
  const problems = Array.isArray(error.details?.errors) ? error.details.errors.filter(isObject) : [];
  const words = [error.message, ...problems.flatMap(({ path, message }) => [path, message])].join(' ');
  return seconds.find(
    ([name]) => Object.hasOwn(body, name) && new RegExp(`\\b${name}(ing)?\\b`, 'i').test(words),
  );
}

function without(body: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}

function renamed(body: JsonObject, [from, to]: readonly [string, string]): JsonObject {
  return { ...without(body, [from]), [to]: body[from] };
}
