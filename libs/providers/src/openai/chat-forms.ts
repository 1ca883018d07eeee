/** What an answer of a language model says, wherever a server puts it: in choices as OpenAI does, or as servers of other APIs do. */
import { isObject, type JsonObject } from '@inferry/contracts';
import type { z } from 'zod';
import { filesIn } from '../outputs/answer.ts';
import type { ProviderOutput } from '../provider.ts';
import { ChatChoice } from './wire.ts';

type Choice = z.infer<typeof ChatChoice>;

/** The first choice; where there are none, what stands in its place. Undefined where nothing of an answer is there. */
export function choiceIn(part: JsonObject, choices: readonly unknown[]): Choice | undefined {
  const choice = ChatChoice.safeParse(choices[0]).data;
  if (choice !== undefined) return choice;
  const content = contentIn(part);
  if (content === undefined) return undefined;
  const reason = part.done_reason ?? part.stop_reason ?? (part.done === true ? 'stop' : undefined);
  return ChatChoice.parse({ message: { content }, finish_reason: reason });
}

/** Of Ollama, of the Responses API, of Anthropic's, Google's and Hugging Face's. */
function contentIn({ message, content, output, output_text: said, ...more }: JsonObject): unknown {
  if (isObject(message)) return message.content ?? '';
  if (typeof content === 'string' || Array.isArray(content)) return content;
  if (typeof said === 'string') return said;
  if (Array.isArray(output)) return output.filter(isObject).flatMap((item) => item.content ?? item);
  const [candidate] = Array.isArray(more.candidates) ? more.candidates : [];
  if (isObject(candidate) && isObject(candidate.content)) return candidate.content.parts;
  return [output, more.response, more.generated_text].find((text) => typeof text === 'string');
}

/** A text, a value that was meant as one, or a list of parts of which some are thoughts. */
export function wordsOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (typeof content === 'number' || typeof content === 'boolean') return String(content);
  if (!Array.isArray(content)) return '';
  return content.map(wordsOfPart).join('');
}

function wordsOfPart(part: unknown): string {
  if (typeof part === 'string') return part;
  if (!isObject(part)) return '';
  const { type, text } = part;
  const isText = type === undefined || type === 'text' || type === 'output_text';
  return isText && typeof text === 'string' ? text : '';
}

/** Pictures and sounds beside the words: of models that draw or speak in a conversation. */
export function filesOf({ images, audio, content }: NonNullable<Choice['message']>): ProviderOutput[] {
  const parts = Array.isArray(content)
    ? content.filter((part) => !isObject(part) || part.type !== 'text')
    : [];
  return filesIn({ images, audio, content: parts });
}
