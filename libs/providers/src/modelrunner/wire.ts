import { z } from 'zod';
import { amount, maybe, maybeWords } from '../http/index.ts';

const text = z.string().max(10_000);
const id = z.string().min(1).max(200);

/** A request as submit and status show it (`CreateRequestResponse`). Later replies leave addresses empty. */
export const QueuedRequest = z.object({
  status: text,
  request_id: id,
  response_url: maybe(z.string()),
  status_url: maybe(z.string()),
  error: z.unknown().optional(),
  logs: z.unknown().optional(),
});
export type QueuedRequest = z.infer<typeof QueuedRequest>;

/** The state after a cancel, which tells whether there was one. */
export const AfterCancel = z.object({ status: text });

/** A request with its result (`GetResultResponse`); the lists of requests say what it cost as well (`RequestItem`). */
export const FinishedRequest = z.object({
  id,
  status: text,
  modelEndpoint: maybe(z.string()),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  /** `pending` until it is charged; `failed` is what tells a failure from a success. */
  billingStatus: maybe(z.string()),
  /** What was charged, as a decimal. */
  totalPrice: maybe(amount),
  payloadsPurgedAt: maybe(z.string()),
  createdAt: maybe(z.string()),
  /** What was sent along with it, also the id of our run. */
  metadata: maybe(z.record(z.string(), z.unknown())),
  inferenceTime: maybe(z.number()),
});
export type FinishedRequest = z.infer<typeof FinishedRequest>;

/** The requests of the account, newest first. */
export const RequestPage = z.object({ data: z.array(z.unknown()) });

export const Upload = z.object({ upload_url: z.string(), file_url: z.string() });
export const Balance = z.object({ balance: amount, currency: maybe(z.string()) });
export const WebhookSecret = z.object({ key: z.string().min(8).max(500) });
export const ModelRunnerWebhook = z.object({
  id: maybe(id),
  request_id: maybe(id),
  status: text,
  modelEndpoint: maybe(z.string()),
  metadata: maybe(z.record(z.string(), z.unknown())),
});

/** `Model` of the platform's specification; the owner is called `ownerName` in it, and `owner` in the query alone. */
export const CatalogModel = z.object({
  id: maybe(id),
  ownerName: id,
  alias: id,
  name: maybe(z.string()),
  shortDescription: maybe(z.string()),
  description: maybe(z.string()),
  category: maybe(z.string()),
  thumbnailUrl: maybe(z.url()),
  inputModalities: maybeWords,
  outputModalities: maybeWords,
  capabilities: maybeWords,
  tags: maybeWords,
  useCases: maybeWords,
  featured: maybe(z.boolean()),
  official: maybe(z.boolean()),
  pricingMode: maybe(z.string()),
  averageCost: maybe(amount),
  /** Requests that show what it makes. */
  examples: maybeWords,
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({
  page: maybe(z.number()),
  totalPages: maybe(z.number()),
  data: z.array(z.unknown()),
});

/** A public request, which is an example of its model. */
export const ExampleRequest = z.object({
  id,
  input: z.record(z.string(), z.unknown()),
  output: z.unknown().optional(),
  totalPrice: maybe(amount),
});

export const Prices = z.object({ prices: z.array(z.unknown()) });
export const Price = z.object({
  endpoint: z.string(),
  rateCard: maybe(z.looseObject({ pricingMode: maybe(z.string()) })),
  averageCost: maybe(amount),
  currency: maybe(z.string()),
  pricingRules: maybe(z.unknown()),
});
