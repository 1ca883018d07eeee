import { z } from 'zod';
import { maybe } from '../http/index.ts';

const id = z.string().min(1).max(200);

export const Prediction = z.object({
  id,
  status: z.string().max(200),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  logs: maybe(z.string()),
  metrics: maybe(z.record(z.string(), z.unknown())),
  data_removed: maybe(z.boolean()),
  urls: maybe(z.object({ stream: maybe(z.string()) })),
});
export type Prediction = z.infer<typeof Prediction>;

export const Model = z.object({
  owner: id,
  name: id,
  description: maybe(z.string()),
  visibility: maybe(z.string()),
  is_official: maybe(z.boolean()),
  run_count: maybe(z.number()),
  license_url: maybe(z.string()),
  cover_image_url: maybe(z.url()),
  default_example: maybe(
    z.object({ input: maybe(z.record(z.string(), z.unknown())), output: z.unknown().optional() }),
  ),
  latest_version: maybe(z.object({ id, openapi_schema: z.unknown().optional() })),
});
export type Model = z.infer<typeof Model>;

export const Collections = z.object({
  next: maybe(z.string()),
  results: z.array(z.unknown()),
});
export const CollectionEntry = z.object({ slug: id });
export const Collection = z.object({ slug: id, models: z.array(z.unknown()) });

export const StoredFile = z.object({ id, urls: z.object({ get: z.string() }) });
export const Account = z.object({ username: maybe(z.string()) });
export const WebhookSecret = z.object({ key: z.string().min(8).max(500) });
