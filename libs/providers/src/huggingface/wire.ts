import { z } from 'zod';
import { maybe } from '../http/index.ts';

const id = z.string().min(1).max(500);

/** Where a model is served: `{fal-ai: {providerId, status, task}}`, or a list of the same. */
const Served = z.object({
  provider: z.string().optional(),
  providerId: id,
  status: z.string(),
  task: z.string(),
});
export const Mapping = z.union([z.record(z.string(), Served), z.array(Served)]);
export type Mapping = z.infer<typeof Mapping>;

export const HubModel = z.object({
  id,
  pipeline_tag: maybe(z.string()),
  likes: maybe(z.number()),
  inferenceProviderMapping: Mapping.nullish(),
});
export type HubModel = z.infer<typeof HubModel>;

export const HubModels = z.array(z.unknown());

export const WhoAmI = z.object({ name: z.string() });

export const Queued = z.object({ request_id: id, status: z.string().optional(), response_url: z.string() });
export const QueueStatus = z.object({
  status: z.string(),
  queue_position: z.number().nullish(),
});

export const Prediction = z.looseObject({
  id,
  status: z.string(),
  output: z.unknown().optional(),
  error: z.string().nullish(),
});

/** WaveSpeed's envelope. */
export const WaveJob = z.object({
  code: z.number(),
  message: z.string().nullish(),
  data: z.looseObject({
    id,
    status: z.string(),
    outputs: z.array(z.union([z.string(), z.object({ url: z.string() })])).nullish(),
    error: z.string().nullish(),
  }),
});

export const ImagesReply = z.object({
  data: z.array(z.object({ b64_json: z.string().nullish(), url: z.string().nullish() })).min(1),
});
