import { z } from 'zod';
import { maybe } from '../http/index.ts';

/** What can be run; servers of one's own say more of a model than OpenAI does. */
export const ModelList = z.object({ data: z.array(z.unknown()) });
export const ListedModel = z.looseObject({ id: z.string().min(1).max(250) });

export const OllamaTags = z.object({
  models: z.array(z.object({ name: z.string(), details: maybe(z.object({ family: maybe(z.string()) })) })),
});

/** Pictures; each item is read by itself, so that one without content takes no other away. */
export const ImagesReply = z.object({
  /** A list, or one that stands alone. */
  data: z.unknown().optional(),
  images: z.unknown().optional(),
  output_format: maybe(z.string()),
  usage: z.unknown().optional(),
});
export const Picture = z.object({
  url: maybe(z.string()),
  b64_json: maybe(z.string()),
  revised_prompt: maybe(z.string()),
});

/** `image_generation.partial_image`, `image_generation.completed` and their `image_edit` twins. */
export const ImageEvent = z.object({
  type: z.string(),
  b64_json: maybe(z.string()),
  url: maybe(z.string()),
  partial_image_index: maybe(z.number()),
  output_format: maybe(z.string()),
});

/** A part of an answer, or a whole one. */
export const ChatAnswer = z.object({
  choices: maybe(z.array(z.unknown())),
  model: maybe(z.string().max(500)),
  usage: maybe(z.record(z.string(), z.unknown())),
});

const Message = z.object({
  /** A text, or a list of parts. */
  content: z.unknown().optional(),
  refusal: maybe(z.string()),
  reasoning_content: z.unknown().optional(),
  reasoning: z.unknown().optional(),
  /** Of models that draw or speak in a conversation. */
  images: z.unknown().optional(),
  audio: maybe(z.looseObject({ transcript: maybe(z.string()) })),
  tool_calls: z.unknown().optional(),
});
export const ChatChoice = z.object({
  delta: maybe(Message),
  message: maybe(Message),
  /** Of the older kind of completions. */
  text: z.unknown().optional(),
  finish_reason: maybe(z.string()),
});

export const Transcript = z.object({ text: z.string() });

export const EmbeddingsReply = z.object({
  data: z
    .array(
      z.object({
        index: maybe(z.int()),
        /** Numbers, or their bytes in base64. */
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    )
    .min(1),
  model: maybe(z.string()),
});

export const Video = z.looseObject({
  id: z.string().min(1).max(500),
  status: z.string(),
  progress: maybe(z.number()),
  error: maybe(z.object({ code: maybe(z.string()), message: maybe(z.string()) })),
  expires_at: maybe(z.number()),
});
export type Video = z.infer<typeof Video>;

export const ErrorBody = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: maybe(z.string()),
      type: maybe(z.string()),
      code: maybe(z.union([z.string(), z.number()])),
      param: maybe(z.string()),
    }),
  ]),
});
