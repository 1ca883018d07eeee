import { isObject } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { z } from 'zod';

const schema = z.record(z.string(), z.unknown());
const words = z.array(z.string());

/** Names of models are addressed in tool arguments of at most this length. */
const maxNativeId = 250;

const ListedModel = z.object({
  nativeId: z.string().min(1).max(maxNativeId),
  title: z.string(),
  summary: z.string(),
  kind: z.enum(['model', 'solution', 'endpoint']),
  categories: words,
  capabilities: words,
  creator: z.string(),
  tags: words,
  isFeatured: z.boolean(),
  isLive: z.boolean(),
  weight: z.number(),
  inputSchema: schema,
  outputSchema: schema,
  price: z.object({
    text: z.string(),
    currency: z.string(),
    basis: z.enum(['per_image', 'per_second', 'per_request', 'per_hour', 'unknown']),
    amount: z.number().optional(),
  }),
  examples: z.array(
    z.object({
      title: z.string(),
      input: schema,
      output: schema,
      cost: z.number(),
      capability: z.string().optional(),
    }),
  ),
  readme: z.string(),
});

/**
 * True for a model that can be stored and shown. Providers may be modules of others: one malformed model is left out
 * instead of hiding the rest.
 */
export function isListable(model: unknown): model is ProviderModel {
  return isObject(model) && ListedModel.safeParse(model).success;
}
