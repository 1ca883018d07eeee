import { AppError, isObject } from '@inferry/contracts';
import { z } from 'zod';
import { maxCallMs } from '../http/index.ts';
import { withRaw } from '../outputs/answer.ts';
import type { JobView } from '../provider.ts';
import { type OpenAiCall, pick, succeeded, textOutput } from './call.ts';
import { sendWithout } from './refused-fields.ts';
import { toldError } from './told-error.ts';
import { EmbeddingsReply } from './wire.ts';

/** Vectors of texts, in their order. */
export async function embeddings({ client, context, request }: OpenAiCall): Promise<JobView> {
  const whole = {
    model: request.nativeId,
    ...pick(request.input, ['input', 'dimensions']),
    encoding_format: 'float',
  };
  const { body, status } = await sendWithout(whole, (json) =>
    client.submit(
      z.unknown(),
      { path: '/embeddings', json, timeoutMs: maxCallMs, maxBytes: 64 << 20 },
      context,
    ),
  );
  const failure = toldError(body, context);
  if (failure !== undefined) return failure;
  const parsed = EmbeddingsReply.safeParse(body);
  if (!parsed.success) {
    throw new AppError('upstream_malformed', 'The server answered something that cannot be read.', {
      upstreamStatus: status,
      cause: parsed.error,
    });
  }
  const vectors = parsed.data.data
    .map((item, at) => ({ at: item.index ?? at, embedding: item.embedding }))
    .sort((left, right) => left.at - right.at)
    .map(({ embedding }) => (typeof embedding === 'string' ? floatsOf(embedding) : embedding));
  const { data: _vectors, ...told } = isObject(body) ? body : {};
  return succeeded([textOutput(JSON.stringify({ embeddings: vectors }), 'application/json')], withRaw(told));
}

/** Single floats, little-endian, in base64: what the official client asks for and some servers always give. */
function floatsOf(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: Math.floor(bytes.byteLength / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}
