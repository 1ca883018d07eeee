import { AppError } from '@inferry/contracts';
import { z } from 'zod';
import { maxCallMs } from '../http/index.ts';
import { withRaw } from '../outputs/answer.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { mediumOfType } from '../schema/index.ts';
import { linkOutput, type Route, succeeded, without } from './route.ts';
import { tasks } from './tasks.ts';
import { ImagesReply } from './wire.ts';

const timeoutMs = maxCallMs;
const maxBytes = 128 << 20;

/** Hugging Face's own servers: the answer is the file. */
export const ownRoute: Route = {
  tasks: ['text-to-image', 'text-to-speech', 'feature-extraction'],

  async call({ client, context, providerId, task, input }) {
    const inputs = task === 'text-to-image' ? input.prompt : input.text;
    const parameters = without(input, ['prompt', 'text']);
    const json = { inputs, ...(Object.keys(parameters).length > 0 && { parameters }) };
    const path = `/hf-inference/models/${providerId}`;
    if (task === 'feature-extraction') {
      const call = { path: `${path}/pipeline/feature-extraction`, json, timeoutMs };
      const { body } = await client.submit(z.array(z.unknown()).min(1), call, context);
      const text = JSON.stringify({ embedding: body });
      return succeeded([{ kind: 'json', contentType: 'application/json', text }], 'completed');
    }
    const call = { method: 'POST', path, json, headers: { accept: '*/*' }, timeoutMs, maxBytes } as const;
    const { body, headers } = await client.content({ ...call, purpose: 'submit' }, context);
    return toFile(body, headers['content-type'] ?? '', tasks[task].output);
  },
};

function toFile(bytes: Uint8Array, header: string, wanted: string): JobView {
  const contentType = header.split(';')[0]?.trim() ?? '';
  const kind = mediumOfType(contentType);
  if (kind !== wanted)
    throw new AppError('upstream_malformed', 'The answer is no file of the kind that was asked for.');
  return succeeded([{ kind, contentType, bytes }], 'completed');
}

/** Together: pictures in OpenAI's shape. */
export const togetherRoute: Route = {
  tasks: ['text-to-image'],

  async call({ client, context, providerId, input }) {
    const { prompt, width, height, seed, num_inference_steps: steps, negative_prompt: negative } = input;
    const json = { model: providerId, prompt, width, height, seed, steps, negative_prompt: negative };
    const call = { path: '/together/v1/images/generations', json: { ...json, response_format: 'base64' } };
    const { body } = await client.submit(ImagesReply, { ...call, timeoutMs, maxBytes }, context);
    return { ...succeeded(body.data.flatMap(toImage), 'completed'), ...withRaw(body) };
  },
};

function toImage({ b64_json: base64, url }: z.infer<typeof ImagesReply>['data'][number]): ProviderOutput[] {
  if (typeof base64 === 'string') {
    return [
      { kind: 'image', contentType: 'image/jpeg', bytes: Uint8Array.from(Buffer.from(base64, 'base64')) },
    ];
  }
  return typeof url === 'string' && URL.canParse(url) ? [linkOutput(url, 'text-to-image')] : [];
}
