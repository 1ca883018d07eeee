import type { JobView } from '../provider.ts';
import { callTimeoutMs, type OpenAiCall, pick, succeeded, textOutput } from './call.ts';
import { EmbeddingsReply } from './wire.ts';

/** Vectors of texts, in their order. */
export async function embeddings({ client, context, request }: OpenAiCall): Promise<JobView> {
  const json = {
    model: request.nativeId,
    ...pick(request.input, ['input', 'dimensions']),
    encoding_format: 'float',
  };
  const { body } = await client.submit(
    EmbeddingsReply,
    { path: '/embeddings', json, timeoutMs: callTimeoutMs, maxBytes: 64 << 20 },
    context,
  );
  const vectors = body.data
    .map((item, at) => ({ at: item.index ?? at, embedding: item.embedding }))
    .sort((left, right) => left.at - right.at)
    .map(({ embedding }) => embedding);
  return succeeded([textOutput(JSON.stringify({ embeddings: vectors }), 'application/json')]);
}
