import { z } from 'zod';
import { amount, maybe, maybeWords } from '../http/index.ts';

const text = z.string().max(10_000);
const address = z.string().max(4_000);

export const Queued = z.object({
  request_id: z.string().min(1).max(200),
  status: maybe(text),
  queue_position: maybe(z.number()),
  response_url: address,
  status_url: address,
  cancel_url: address,
});

const LogLine = z.object({ message: maybe(z.string()), level: maybe(z.string()) });

export const QueueStatus = z.object({
  status: text,
  queue_position: maybe(z.number()),
  logs: maybe(z.array(LogLine)),
});
export type QueueStatus = z.infer<typeof QueueStatus>;

/** The answer of a model, whatever its author made of it. */
export const ModelAnswer = z.unknown();

export const Cancelled = z.object({ status: maybe(text) });

export const Upload = z.object({ upload_url: address, file_url: address });

/** What a webhook says; `payload` is what the result call answers. */
export const FalWebhook = z.object({
  request_id: z.string().min(1).max(200),
  status: z.enum(['OK', 'ERROR']),
});

export const CatalogModel = z.object({
  endpoint_id: z.string().min(1).max(250),
  metadata: maybe(
    z.object({
      display_name: maybe(z.string()),
      description: maybe(z.string()),
      category: maybe(z.string()),
      status: maybe(z.string()),
      tags: maybeWords,
      license_type: maybe(z.string()),
      thumbnail_url: maybe(z.url()),
    }),
  ),
  openapi: z.unknown().optional(),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({
  models: z.array(z.unknown()),
  next_cursor: maybe(z.string()),
  has_more: maybe(z.boolean()),
});

export const Prices = z.object({ prices: z.array(z.unknown()) });
export const Price = z.object({
  endpoint_id: z.string(),
  unit_price: amount,
  unit: z.string(),
  currency: maybe(z.string()),
});
export type Price = z.infer<typeof Price>;
