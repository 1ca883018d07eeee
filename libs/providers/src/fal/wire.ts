import { z } from 'zod';

const text = z.string().max(10_000);
const address = z.string().max(4_000);

export const Queued = z.object({
  request_id: z.string().min(1).max(200),
  status: text.optional(),
  queue_position: z.number().nullish(),
  response_url: address,
  status_url: address,
  cancel_url: address,
});

const LogLine = z.object({ message: z.string().nullish(), level: z.string().nullish() });

export const QueueStatus = z.object({
  status: text,
  queue_position: z.number().nullish(),
  logs: z.array(LogLine).nullish(),
});
export type QueueStatus = z.infer<typeof QueueStatus>;

/** The answer of a model, whatever its author made of it. */
export const ModelAnswer = z.record(z.string(), z.unknown());

export const Cancelled = z.object({ status: text.optional() });

export const Upload = z.object({ upload_url: address, file_url: address });

/** What a webhook says; `payload` is what the result call answers. */
export const FalWebhook = z.object({
  request_id: z.string().min(1).max(200),
  status: z.enum(['OK', 'ERROR']),
});

export const CatalogModel = z.object({
  endpoint_id: z.string().min(1).max(250),
  metadata: z
    .object({
      display_name: z.string().nullish(),
      description: z.string().nullish(),
      category: z.string().nullish(),
      status: z.string().nullish(),
      tags: z.array(z.string()).nullish(),
      license_type: z.string().nullish(),
    })
    .nullish(),
  openapi: z.unknown().optional(),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({
  models: z.array(CatalogModel),
  next_cursor: z.string().nullish(),
  has_more: z.boolean().nullish(),
});

export const Prices = z.object({
  prices: z.array(
    z.object({
      endpoint_id: z.string(),
      unit_price: z.number(),
      unit: z.string(),
      currency: z.string().nullish(),
    }),
  ),
});
