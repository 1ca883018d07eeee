import { z } from 'zod';

export const ModelList = z.object({ data: z.array(z.object({ id: z.string().min(1).max(250) })) });

const Usage = z
  .object({
    total_tokens: z.number().optional(),
    input_tokens: z.number().optional(),
    output_tokens: z.number().optional(),
  })
  .nullish();

export const ImagesReply = z.object({
  data: z
    .array(
      z.object({
        url: z.string().nullish(),
        b64_json: z.string().nullish(),
        revised_prompt: z.string().nullish(),
      }),
    )
    .min(1),
  output_format: z.string().nullish(),
  usage: Usage,
});

/** `image_generation.partial_image`, `image_generation.completed` and their `image_edit` twins. */
export const ImageEvent = z.object({
  type: z.string(),
  b64_json: z.string().optional(),
  partial_image_index: z.number().optional(),
  output_format: z.string().optional(),
});

export const ChatChunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  error: z.unknown().optional(),
});

export const Transcript = z.union([z.object({ text: z.string() }), z.string()]);

export const EmbeddingsReply = z.object({
  data: z.array(z.object({ index: z.int().optional(), embedding: z.array(z.number()) })).min(1),
  model: z.string().optional(),
});

export const Video = z.object({
  id: z.string().min(1).max(500),
  status: z.string(),
  progress: z.number().nullish(),
  error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
  expires_at: z.number().nullish(),
});
export type Video = z.infer<typeof Video>;

export const ErrorBody = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: z.string().nullish(),
      type: z.string().nullish(),
      code: z.union([z.string(), z.number()]).nullish(),
      param: z.string().nullish(),
    }),
  ]),
});
