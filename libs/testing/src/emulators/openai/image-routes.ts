import { z } from 'zod';
import type { EmulatedCall, EmulatedJob, EmulatedRoute, Emulator } from '../kit/index.ts';
import { sampleFile } from '../kit/index.ts';
import { sendEvents } from '../kit/send-events.ts';

const ImageBody = z.strictObject({
  model: z.string(),
  prompt: z.string().min(1),
  n: z.int().min(1).max(10).optional(),
  size: z.string().optional(),
  quality: z.string().optional(),
  background: z.string().optional(),
  output_format: z.string().optional(),
  output_compression: z.int().optional(),
  moderation: z.string().optional(),
  style: z.string().optional(),
  response_format: z.enum(['url', 'b64_json']).optional(),
  stream: z.boolean().optional(),
  partial_images: z.int().optional(),
  user: z.string().optional(),
});
type ImageBody = z.infer<typeof ImageBody>;

const editFields = new Set([...Object.keys(ImageBody.shape), 'image', 'image[]', 'mask']);

export function imageRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/images/generations',
      kind: 'submit',
      body: ImageBody,
      // as: parsed by the route's schema.
      handle: (call) => answer(emulator, call.body as ImageBody, call),
    },
    {
      method: 'POST',
      path: '/images/edits',
      kind: 'submit',
      body: 'form',
      handle(call) {
        // as: checked by the kit.
        const form = call.body as FormData;
        const unknown = [...form.keys()].find((name) => !editFields.has(name));
        if (unknown !== undefined) throw emulator.refusal('validation', `unknown field ${unknown}`);
        if (!form.has('image') && !form.has('image[]'))
          throw emulator.refusal('validation', 'image is missing');
        const body = { model: String(form.get('model')), prompt: String(form.get('prompt')) };
        return answer(emulator, { ...body, n: Number(form.get('n') ?? 1) }, call);
      },
    },
  ];
}

function answer(emulator: Emulator, body: ImageBody, call: EmulatedCall): unknown {
  const job = emulator.endJob(
    emulator.createJob({ id: emulator.id('img_'), model: body.model, input: body }),
  );
  if (job.state === 'failed') throw refused(emulator, job);
  const asBase64 = body.response_format === 'b64_json' || body.model.startsWith('gpt-image');
  const count = Math.max(body.n ?? 1, job.outputs);
  const base64 = () => sampleFile('image', job.scenario.outputBytes).bytes.toString('base64');
  if (body.stream === true) {
    const kind = call.body instanceof FormData ? 'image_edit' : 'image_generation';
    const told = { ...lookOf(body), created_at: Math.floor(emulator.now() / 1_000) };
    const partial = Array.from({ length: Number(body.partial_images ?? 0) }, (_, index) => ({
      type: `${kind}.partial_image`,
      b64_json: base64(),
      partial_image_index: index,
      ...told,
    }));
    const last = { type: `${kind}.completed`, b64_json: base64(), ...told, usage: imageUsage };
    return sendEvents(call.reply, [...partial, last], (event) => event.type);
  }
  return {
    created: Math.floor(emulator.now() / 1_000),
    data: Array.from({ length: count }, () =>
      asBase64
        ? { b64_json: base64() }
        : { url: emulator.makeFile(job, 'image').url, revised_prompt: body.prompt },
    ),
    ...(asBase64 && { ...lookOf(body), usage: imageUsage }),
  };
}

const imageUsage = {
  input_tokens: 10,
  input_tokens_details: { image_tokens: 0, text_tokens: 10 },
  output_tokens: 272,
  total_tokens: 282,
};

function lookOf({ background = 'opaque', output_format: format = 'png', quality = 'low', size }: ImageBody) {
  return { background, output_format: format, quality, size: size ?? '1024x1024' };
}

function refused(emulator: Emulator, { failure }: EmulatedJob): Error {
  const refusal = emulator.refusal('validation', failure.message);
  const code = failure.kind === 'content' ? 'moderation_blocked' : null;
  refusal.answer.body = {
    error: { message: failure.message, type: 'image_generation_user_error', param: null, code },
  };
  return refusal;
}
