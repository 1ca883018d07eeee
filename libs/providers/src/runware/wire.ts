import { z } from 'zod';

const text = z.string().max(20_000);
const code = z.string().max(200);

export const TaskError = z.object({
  code: code.nullish(),
  message: text.nullish(),
  parameter: z.union([z.string(), z.array(z.string())]).nullish(),
  taskUUID: z.string().nullish(),
});
export type TaskError = z.infer<typeof TaskError>;

/** One result, acknowledgement or state of a task; its further fields are the model's. */
export const TaskItem = z.looseObject({
  taskType: z.string().nullish(),
  taskUUID: z.string().nullish(),
  status: code.nullish(),
  progress: z.number().nullish(),
  cost: z.number().nullish(),
  error: TaskError.nullish(),
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

const words = z.array(z.string()).nullish();

export const CatalogModel = z.object({
  model: z.string().nullish(),
  air: z.string().min(1).max(250),
  name: z.string().nullish(),
  creator: z.union([z.string(), z.object({ name: z.string() })]).nullish(),
  capabilities: words,
  status: z.string().nullish(),
  headline: z.string().nullish(),
  description: z.string().nullish(),
  category: z.string().nullish(),
  coverImage: z.string().nullish(),
  weight: z.number().nullish(),
  pricingOverview: z.string().nullish(),
  pricingExamples: z
    .array(
      z.object({ configuration: z.string().nullish(), price: z.union([z.number(), z.string()]).nullish() }),
    )
    .nullish(),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({
  total: z.number(),
  items: z.array(CatalogModel),
});

export const Examples = z.array(
  z.looseObject({
    title: z.string().nullish(),
    capability: z.string().nullish(),
    request: z.record(z.string(), z.unknown()).nullish(),
    response: z.record(z.string(), z.unknown()).nullish(),
    cost: z.number().nullish(),
  }),
);
export type Examples = z.infer<typeof Examples>;

export const ResolvedSchema = z.object({
  requestSchema: z.record(z.string(), z.unknown()),
  responseSchema: z.record(z.string(), z.unknown()).nullish(),
});
export type ResolvedSchema = z.infer<typeof ResolvedSchema>;
