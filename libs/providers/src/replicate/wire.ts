import { z } from 'zod';

const id = z.string().min(1).max(200);

export const Prediction = z.object({
  id,
  status: z.string().max(200),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  logs: z.string().nullish(),
  metrics: z.object({ predict_time: z.number().nullish() }).nullish(),
  data_removed: z.boolean().nullish(),
  urls: z.object({ stream: z.string().nullish() }).nullish(),
});
export type Prediction = z.infer<typeof Prediction>;

export const Model = z.object({
  owner: id,
  name: id,
  description: z.string().nullish(),
  visibility: z.string().nullish(),
  is_official: z.boolean().nullish(),
  run_count: z.number().nullish(),
  license_url: z.string().nullish(),
  default_example: z
    .object({ input: z.record(z.string(), z.unknown()).nullish(), output: z.unknown().optional() })
    .nullish(),
  latest_version: z.object({ id, openapi_schema: z.unknown().optional() }).nullish(),
});
export type Model = z.infer<typeof Model>;

export const Collections = z.object({
  next: z.string().nullish(),
  results: z.array(z.object({ slug: id, name: z.string().nullish() })),
});
export const Collection = z.object({ slug: id, models: z.array(Model) });

export const StoredFile = z.object({ id, urls: z.object({ get: z.string() }) });
export const Account = z.object({ username: z.string().nullish() });
export const WebhookSecret = z.object({ key: z.string().min(8).max(500) });
