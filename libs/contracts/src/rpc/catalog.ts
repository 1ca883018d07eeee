import { z } from 'zod';
import { defineRpc } from '../operation.ts';
import { jsonObject, ValidationProblem } from '../shapes/basics.ts';
import { Quote } from '../shapes/model.ts';

/** By what one of several models that do the same is chosen. */
export const equalChoices = ['order', 'price', 'latency', 'health'] as const;
export type EqualChoice = (typeof equalChoices)[number];

/** A model resolved and an input that its schema accepts: what a run needs before it may start. */
export const PreparedModel = z.object({
  /** `<provider>/<native id>`. */
  model: z.string(),
  provider: z.string(),
  native_id: z.string(),
  kind: z.string(),
  /** Coerced, defaults filled in. */
  input: jsonObject,
  /** Names of the input fields (JSON pointers) that hold a file URL or an asset id. */
  file_fields: z.array(z.string()),
  /** `<owner>/<alias>` of the wrapper that made the input of `model`. */
  wrapper: z.string().optional(),
  quote: Quote,
  problems: z.array(ValidationProblem),
});
export type PreparedModel = z.infer<typeof PreparedModel>;

export const PreparedRun = PreparedModel.extend({
  /** Where the name is one of several models that do the same: which, why, and what it may be sent to instead. */
  equal: z.object({ alias: z.string(), why: z.string(), others: z.array(PreparedModel).max(9) }).optional(),
});
export type PreparedRun = z.infer<typeof PreparedRun>;

/** Resolves a model id, coerces and validates an input and quotes it. Errors: `model_not_found`, `ambiguous_model`. */
export const prepareRun = defineRpc({
  subject: 'rpc.v1.catalog.prepare_run',
  /** `options`: as the caller gave them; what the provider does not take is a problem. */
  input: z.object({ model: z.string(), input: jsonObject, options: jsonObject.optional() }),
  output: PreparedRun,
});

/** The same for many inputs of one model, in their order. */
export const prepareRuns = defineRpc({
  subject: 'rpc.v1.catalog.prepare_runs',
  input: z.object({
    model: z.string(),
    inputs: z.array(jsonObject).max(100),
    options: jsonObject.optional(),
  }),
  output: z.object({ runs: z.array(PreparedRun) }),
});

export const ProviderState = z.object({
  slug: z.string(),
  title: z.string(),
  /** True when the caller can run its models now. */
  ready: z.boolean(),
  /** What connects it, where it is not. */
  how_to_connect: z.string().optional(),
  models: z.int(),
  stale: z.boolean(),
  synced_at: z.string().optional(),
  /** When its list was read last, also when nothing in it had changed. */
  checked_at: z.string().optional(),
  capabilities: z.array(z.string()),
});
export type ProviderState = z.infer<typeof ProviderState>;

export const listProviders = defineRpc({
  subject: 'rpc.v1.catalog.list_providers',
  input: z.object({}),
  output: z.object({ providers: z.array(ProviderState) }),
});
