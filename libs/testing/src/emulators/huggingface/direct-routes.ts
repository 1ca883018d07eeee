import { z } from 'zod';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { sampleFile } from '../kit/index.ts';

const Task = z.strictObject({
  inputs: z.string().min(1),
  parameters: z.record(z.string(), z.unknown()).optional(),
});

const Images = z.strictObject({
  model: z.string(),
  prompt: z.string(),
  response_format: z.literal('base64'),
  width: z.int().optional(),
  height: z.int().optional(),
  seed: z.int().optional(),
  steps: z.int().optional(),
  negative_prompt: z.string().optional(),
});

/** Hugging Face's own servers and Together: they answer in the same call. */
export function directRoutes(emulator: Emulator): EmulatedRoute[] {
  const end = (model: string) =>
    emulator.endJob(emulator.createJob({ id: emulator.id('call_'), model, input: {} }));
  return [
    {
      method: 'POST',
      path: '/hf-inference/models/:owner/:name/pipeline/feature-extraction',
      kind: 'submit',
      body: Task,
      handle({ params }) {
        end(`${params.owner}/${params.name}`);
        return [0.1, -0.2, 0.3];
      },
    },
    {
      method: 'POST',
      path: '/hf-inference/models/:owner/:name',
      kind: 'submit',
      body: Task,
      handle({ params, reply }) {
        const job = end(`${params.owner}/${params.name}`);
        if (job.state === 'failed') throw emulator.refusal('validation', job.failure.message);
        const { bytes, contentType } = sampleFile('image', job.scenario.outputBytes);
        reply.hijack();
        reply.raw.writeHead(200, { 'content-type': contentType }).end(bytes);
        return undefined;
      },
    },
    {
      method: 'POST',
      path: '/together/v1/images/generations',
      kind: 'submit',
      body: Images,
      handle({ body }) {
        // as: parsed by the route's schema.
        const { model } = body as z.infer<typeof Images>;
        end(model);
        return {
          id: emulator.id(),
          model,
          data: [{ index: 0, b64_json: sampleFile('image').bytes.toString('base64') }],
        };
      },
    },
  ];
}
