import { z } from 'zod';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { sendEvents } from '../kit/send-events.ts';

const ChatBody = z.strictObject({
  model: z.string(),
  messages: z
    .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.unknown() }))
    .min(1),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean() }).optional(),
  max_tokens: z.int().optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  seed: z.int().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
  response_format: z.strictObject({ type: z.enum(['text', 'json_object']) }).optional(),
});

const parts = ['Hello', ' from', ' the', ' emulator.'];

export function chatRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/chat/completions',
      kind: 'submit',
      body: ChatBody,
      handle({ body, reply }) {
        // as: parsed by the route's schema.
        const { model, stream } = body as z.infer<typeof ChatBody>;
        const job = emulator.endJob(emulator.createJob({ id: emulator.id('chatcmpl-'), model, input: {} }));
        if (job.state === 'failed') throw emulator.refusal('validation', job.failure.message);
        const head = { id: job.id, created: Math.floor(emulator.now() / 1_000), model };
        const used = { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 };
        if (stream !== true) {
          const message = { role: 'assistant', content: parts.join(''), refusal: null };
          return {
            ...head,
            object: 'chat.completion',
            choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
            usage: used,
          };
        }
        const object = 'chat.completion.chunk';
        const chunks = parts.map((content) => ({
          ...head,
          object,
          choices: [{ index: 0, delta: { content }, finish_reason: null }],
        }));
        const last = { ...head, object, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
        const usage = { ...head, object, choices: [], usage: used };
        return sendEvents<unknown>(reply, [...chunks, last, usage, '[DONE]']);
      },
    },
  ];
}
