/** What Runware really sends, as narrow as it is read and no narrower. */
import { z } from 'zod';
import { amount, maybe, maybeWords } from '../http/index.ts';

const text = z.string().max(20_000);
const code = z.string().max(200);

export const TaskError = z.object({
  code: maybe(code),
  message: maybe(text),
  parameter: maybe(z.union([z.string(), z.array(z.string())])),
  taskUUID: maybe(z.string()),
});
export type TaskError = z.infer<typeof TaskError>;

/** One result, acknowledgement or state of a task; its further fields are the model's. */
export const TaskItem = z.looseObject({
  taskType: maybe(z.string()),
  taskUUID: maybe(z.string()),
  status: maybe(code),
  progress: maybe(z.number()),
  cost: maybe(amount),
  error: maybe(TaskError),
});
export type TaskItem = z.infer<typeof TaskItem>;

/** Either part may be missing; results belong to tasks by their UUID and not by their order. */
export const TaskReply = z
  .object({ data: z.array(TaskItem).nullish(), errors: z.array(TaskError).nullish() })
  .refine(({ data, errors }) => data !== undefined || errors !== undefined, 'neither data nor errors');
export type TaskReply = z.infer<typeof TaskReply>;

/** A body of a failed call: the list of tasks' errors, or one error before any task was looked at. */
export const FailedBody = z.object({
  errors: z.array(TaskError).nullish(),
  error: TaskError.nullish(),
});

export const RunwareWebhook = z.looseObject({ taskUUID: z.string(), taskType: z.string().nullish() });

/** What `accountManagement` says is left: an object in the SDK's types, a number in older replies. */
export const AccountDetails = z.looseObject({
  balance: z.union([
    amount,
    z.looseObject({ amount, freeBalance: maybe(amount), currency: maybe(z.string()) }),
  ]),
  currency: maybe(z.string()),
});

/** `ModelMetadata` of the official SDK. */
export const CatalogModel = z.object({
  /** The slug, which the platform takes in place of the AIR. */
  model: maybe(z.string()),
  air: z.string().min(1).max(250),
  name: maybe(z.string()),
  creator: maybe(z.union([z.string(), z.object({ name: z.string() })])),
  capabilities: maybeWords,
  architecture: maybe(z.string()),
  status: maybe(z.string()),
  headline: maybe(z.string()),
  description: maybe(z.string()),
  category: maybe(z.union([z.string(), z.array(z.string())])),
  releasedAt: maybe(z.string()),
  coverImage: maybe(z.url()),
  weight: maybe(z.number()),
  pricingOverview: maybe(z.string()),
  pricingRates: maybe(z.array(z.object({ amount, unit: z.string(), after: z.unknown().optional() }))),
  pricingExamples: maybe(z.array(z.object({ configuration: maybe(z.string()), price: maybe(amount) }))),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({ total: maybe(z.number()), items: z.array(z.unknown()) });

/** `ExampleMetadata`: what an example cost stands in its response. */
export const Examples = z.array(z.unknown());
export const Example = z.looseObject({
  id: maybe(z.string()),
  title: maybe(z.string()),
  capability: maybe(z.string()),
  asset: maybe(z.string()),
  request: maybe(z.record(z.string(), z.unknown())),
  response: maybe(z.record(z.string(), z.unknown())),
  cost: maybe(amount),
});

/** `requestSchema` is null for a model that has none. */
export const ResolvedSchema = z.object({
  requestSchema: z.record(z.string(), z.unknown()).nullable(),
  responseSchema: maybe(z.record(z.string(), z.unknown())),
});
export type ResolvedSchema = z.infer<typeof ResolvedSchema>;

/** What tasks models are for: by AIR, and for weights that are in no list by their architecture. */
export const Registry = z.object({
  models: z.record(z.string(), z.object({ taskType: maybe(z.string()), id: maybe(z.string()) })),
  architectureTaskTypes: z.record(z.string(), z.string()).catch({}),
});
export type Registry = z.infer<typeof Registry>;

export const Capabilities = z.array(z.object({ id: z.string().min(1).max(100), label: maybe(z.string()) }));

/** One of `modelSearch`; what it does not tell is null or absent. */
export const FoundModel = z.object({
  air: z.string().min(1).max(250),
  name: maybe(z.string()),
  version: maybe(z.string()),
  category: maybe(z.string()),
  architecture: maybe(z.string()),
  tags: maybeWords,
});
export const SearchAnswer = z.object({ totalResults: maybe(z.number()), results: z.array(z.unknown()) });

export const MediaAnswer = z.object({ mediaUUID: z.string().min(1).max(200), mediaURL: maybe(z.string()) });

/** `getTaskDetails`: the tasks as they were sent, and the answer that they got. */
export const TaskDetails = z.object({
  request: z.union([z.array(z.record(z.string(), z.unknown())), z.record(z.string(), z.unknown())]),
  response: maybe(z.record(z.string(), z.unknown())),
});
