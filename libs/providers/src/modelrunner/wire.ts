import { z } from 'zod';

const text = z.string().max(10_000);
const id = z.string().min(1).max(200);

/** A request as submit and status show it. Later replies leave addresses empty. */
export const QueuedRequest = z.object({
  status: text,
  request_id: id,
  response_url: z.string().nullish(),
  status_url: z.string().nullish(),
  error: z.unknown().optional(),
  logs: z.unknown().optional(),
});
export type QueuedRequest = z.infer<typeof QueuedRequest>;

/** A request with its result. */
export const FinishedRequest = z.object({
  id,
  status: text,
  modelEndpoint: z.string().nullish(),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  billingStatus: z.string().nullish(),
});
export type FinishedRequest = z.infer<typeof FinishedRequest>;

/** The requests of the account, newest first. */
export const RequestPage = z.object({ data: z.array(FinishedRequest) });

export const Upload = z.object({ upload_url: z.string(), file_url: z.string() });
export const Balance = z.object({
  balance: z.union([z.string().regex(/^-?\d+(\.\d+)?$/), z.number()]),
  currency: z.string().nullish(),
});
export const WebhookSecret = z.object({ key: z.string().min(8).max(500) });
export const ModelRunnerWebhook = z.object({ id: id.optional(), request_id: id.optional(), status: text });

const words = z.array(z.string()).nullish();

export const CatalogModel = z.object({
  owner: id,
  alias: id,
  name: z.string().nullish(),
  description: z.string().nullish(),
  category: z.string().nullish(),
  inputModalities: words,
  outputModalities: words,
  capabilities: words,
  tags: words,
  featured: z.boolean().nullish(),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({
  page: z.number(),
  totalPages: z.number(),
  data: z.array(CatalogModel),
});

export const Prices = z.object({
  prices: z.array(
    z.object({
      endpoint: z.string(),
      rateCard: z.looseObject({ pricingMode: z.string().nullish() }).nullish(),
      averageCost: z.union([z.number(), z.string()]).nullish(),
      currency: z.string().nullish(),
    }),
  ),
});
