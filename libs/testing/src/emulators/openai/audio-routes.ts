import { z } from 'zod';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { sampleFile } from '../kit/index.ts';

const SpeechBody = z.strictObject({
  model: z.string(),
  input: z.string().min(1).max(4_096),
  voice: z.string(),
  instructions: z.string().optional(),
  response_format: z.enum(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']).optional(),
  speed: z.number().min(0.25).max(4).optional(),
  stream_format: z.enum(['audio', 'sse']).optional(),
});

const EmbeddingsBody = z.strictObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1)]),
  dimensions: z.int().optional(),
  encoding_format: z.enum(['float', 'base64']).optional(),
  user: z.string().optional(),
});

const transcriptionFields = new Set([
  'file',
  'model',
  'language',
  'prompt',
  'response_format',
  'temperature',
  'stream',
]);

/** Speech, transcription and embeddings: one call, one answer. */
export function audioRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/audio/speech',
      kind: 'submit',
      body: SpeechBody,
      handle({ body, reply }) {
        // as: parsed by the route's schema.
        const { model } = body as z.infer<typeof SpeechBody>;
        const job = emulator.endJob(emulator.createJob({ id: emulator.id('speech_'), model, input: {} }));
        if (job.state === 'failed') throw emulator.refusal('validation', job.failure.message);
        const { bytes, contentType } = sampleFile('audio', job.scenario.outputBytes);
        reply.hijack();
        reply.raw.writeHead(200, { 'content-type': contentType });
        reply.raw.end(bytes);
        return undefined;
      },
    },
    {
      method: 'POST',
      path: '/audio/transcriptions',
      kind: 'submit',
      body: 'form',
      handle({ body }) {
        // as: checked by the kit.
        const form = body as FormData;
        const unknown = [...form.keys()].find((name) => !transcriptionFields.has(name));
        if (unknown !== undefined) throw emulator.refusal('validation', `unknown field ${unknown}`);
        if (!(form.get('file') instanceof File)) throw emulator.refusal('validation', 'file is missing');
        const model = String(form.get('model'));
        emulator.endJob(emulator.createJob({ id: emulator.id('transcript_'), model, input: {} }));
        return { text: 'Hello from the emulator.' };
      },
    },
    {
      method: 'POST',
      path: '/embeddings',
      kind: 'submit',
      body: EmbeddingsBody,
      handle({ body }) {
        // as: parsed by the route's schema.
        const { model, input, encoding_format: format } = body as z.infer<typeof EmbeddingsBody>;
        emulator.endJob(emulator.createJob({ id: emulator.id('embedding_'), model, input: {} }));
        const texts = Array.isArray(input) ? input : [input];
        return {
          object: 'list',
          model,
          data: texts.map((text, index) => ({
            object: 'embedding',
            index,
            embedding: encode(vectorOf(text), format),
          })),
          usage: { prompt_tokens: texts.length, total_tokens: texts.length },
        };
      },
    },
  ];
}

function vectorOf(text: string): number[] {
  return [text.length / 100, 0.5, -0.25];
}

function encode(vector: number[], format: string | undefined): unknown {
  return format === 'base64' ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
}
