import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openaiEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the types of the official client (7) say of each reply; written from them, not from the adapter. */
const usage = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});
const Chat = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z
    .array(
      z.strictObject({
        index: z.int(),
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.string().nullable(),
        }),
        logprobs: z.unknown().nullable(),
        finish_reason: z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call']),
      }),
    )
    .min(1),
  usage,
});
const Chunk = z.strictObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: z.int(),
      delta: z.strictObject({ role: z.literal('assistant').optional(), content: z.string().optional() }),
      logprobs: z.unknown().nullish(),
      finish_reason: z.enum(['stop', 'length']).nullable(),
    }),
  ),
  usage: usage.nullish(),
});
const ImageUsage = z.strictObject({
  input_tokens: z.int(),
  input_tokens_details: z.strictObject({ image_tokens: z.int(), text_tokens: z.int() }),
  output_tokens: z.int(),
  total_tokens: z.int(),
});
const look = {
  background: z.enum(['transparent', 'opaque', 'auto']),
  output_format: z.enum(['png', 'webp', 'jpeg']),
  quality: z.enum(['low', 'medium', 'high', 'auto']),
  size: z.string(),
};
const Images = z.strictObject({
  created: z.int(),
  data: z.array(z.strictObject({ b64_json: z.base64() })).min(1),
  ...z.strictObject(look).partial().shape,
  usage: ImageUsage,
});
const told = { b64_json: z.base64(), created_at: z.int(), ...look };
const eventsOf = (kind: string) =>
  z.union([
    z.strictObject({
      type: z.literal(`${kind}.partial_image`),
      partial_image_index: z.int(),
      ...told,
    }),
    z.strictObject({ type: z.literal(`${kind}.completed`), usage: ImageUsage, ...told }),
  ]);
const Video = z.strictObject({
  id: z.string(),
  object: z.literal('video'),
  model: z.string(),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
  progress: z.int().min(0).max(100),
  prompt: z.string().nullable(),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  remixed_from_video_id: z.string().nullable(),
  seconds: z.string(),
  size: z.enum(['720x1280', '1280x720', '1024x1792', '1792x1024']),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
});
const Embeddings = z.strictObject({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.strictObject({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.array(z.number()),
    }),
  ),
  usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
});
const Models = z.strictObject({
  object: z.literal('list'),
  data: z
    .array(
      z.strictObject({
        id: z.string(),
        object: z.literal('model'),
        created: z.int(),
        owned_by: z.string(),
      }),
    )
    .min(1),
});
const Fault = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

describe('the emulated OpenAI answers as the types of its client say', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(openaiEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const messages = [{ role: 'user', content: 'Hello' }];

  it('to a chat, whole and in parts', async () => {
    const json = { model: 'gpt-4o-mini', messages };
    const whole = await platform.ask('/chat/completions', { json });
    const streamed = { ...json, stream: true, stream_options: { include_usage: true } };
    const parts = await platform.events('/chat/completions', streamed);

    expect(Chat.safeParse(whole.body).error).toBeUndefined();
    expect(z.array(Chunk).min(3).safeParse(parts).error).toBeUndefined();
    // The last one, without a choice, has what was used.
    expect(parts.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 5 } });
  });

  it('to a picture, whole and as it becomes clear', async () => {
    const json = { model: 'gpt-image-1', prompt: 'a boat' };
    const { body } = await platform.ask('/images/generations', { json });
    const streamed = { ...json, stream: true, partial_images: 2 };
    const events = await platform.events('/images/generations', streamed);

    expect(Images.safeParse(body).error).toBeUndefined();
    expect(z.array(eventsOf('image_generation')).length(3).safeParse(events).error).toBeUndefined();
  });

  it.each(['succeeded', 'failed'] as const)('to a film that has %s', async (end) => {
    platform.emulator.script({ states: ['queued', 'running', end] });
    const { body } = await platform.ask('/videos', { json: { model: 'sora-2', prompt: 'waves' } });
    const path = `/videos/${Video.parse(body).id}`;
    const seen = [];
    for (let looks = 0; looks < 4; looks++) seen.push(Video.parse((await platform.ask(path)).body));

    const last = seen.at(-1);
    expect(last?.status).toBe(end === 'succeeded' ? 'completed' : 'failed');
    expect([last?.completed_at !== null, last?.error !== null]).toEqual([
      end === 'succeeded',
      end === 'failed',
    ]);
  });

  it('to texts as vectors, to a list of models, and to what it refuses', async () => {
    const json = { model: 'text-embedding-3-small', input: ['a', 'b'], encoding_format: 'float' };
    const refused = await platform.ask('/videos/none');

    expect(Embeddings.safeParse((await platform.ask('/embeddings', { json })).body).error).toBeUndefined();
    expect(Models.safeParse((await platform.ask('/models')).body).error).toBeUndefined();
    expect([refused.status, Fault.safeParse(refused.body).error]).toEqual([404, undefined]);
  });
});
