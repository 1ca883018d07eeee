import { isObject } from '@inferry/contracts';

/**
 * The text of a language model's answer, whole or in parts: a string, `{text}`, or choices of vLLM
 * (`tokens`, `text`, `message.content`, `delta.content`). Undefined when it is none.
 */
export function readAnswer(output: unknown): string | undefined {
  if (typeof output === 'string') return output;
  if (Array.isArray(output)) return joined(output.map(readAnswer));
  if (!isObject(output)) return undefined;
  if (Array.isArray(output.choices)) return joined(output.choices.map(readChoice));
  const { text, result, response } = output;
  const told = [text, result, response].find((value) => value !== undefined);
  return typeof told === 'string' || Array.isArray(told) ? readAnswer(told) : undefined;
}

function readChoice(choice: unknown): string | undefined {
  if (!isObject(choice)) return undefined;
  const { tokens, text, message, delta } = choice;
  if (Array.isArray(tokens))
    return joined(tokens.map((token) => (typeof token === 'string' ? token : undefined)));
  if (typeof text === 'string') return text;
  const spoken = [message, delta].find(isObject);
  if (spoken === undefined) return undefined;
  // The first part of a streamed answer names the role alone.
  return typeof spoken.content === 'string' ? spoken.content : '';
}

function joined(parts: readonly (string | undefined)[]): string | undefined {
  const texts = parts.filter((part) => part !== undefined);
  return parts.length > 0 && texts.length === parts.length ? texts.join('') : undefined;
}
