import { z } from 'zod';

const id = z.string().min(1).max(200);
const text = z.string().max(10_000);
/** Money comes as a decimal in a string. */
const amount = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)]);

/** A run. Its state has one name in the API and another one in templates and events. */
export const Run = z
  .object({
    id,
    status_code: text.nullish(),
    status: text.nullish(),
    client_ref: z.string().nullish(),
    output: z.unknown().optional(),
    cost: amount.nullish(),
    nodes_total: z.number().nullish(),
    nodes_completed: z.number().nullish(),
    failure_code: z.string().nullish(),
    failure_message: text.nullish(),
    created_at: z.string().nullish(),
  })
  .refine(({ status_code: code, status }) => typeof (code ?? status) === 'string', 'a run without a state');
export type Run = z.infer<typeof Run>;

export const RunPage = z.object({ items: z.array(Run) });

/** The address is the run's own, so that the event alone has to be there. */
export const RunflowCallback = z.object({ event: z.string().max(200), run_id: id.nullish() });

export const AssetUpload = z.object({ asset_id: id, upload_url: z.string() });
export const Asset = z.object({ id, url: z.string() });

export const Balance = z.union([
  z.object({ balance: amount, currency: z.string().nullish() }),
  z.object({ balance_cents: amount, currency: z.string().nullish() }),
]);
export const Me = z.looseObject({ email: z.string().nullish(), organization: z.unknown().optional() });

const InputField = z.object({
  name: id,
  variable_type_code: z.string().nullish(),
  validator_code: z.string().nullish(),
  validator_attrs: z.record(z.string(), z.unknown()).nullish(),
  is_required: z.boolean().nullish(),
  default_value: z.unknown().optional(),
  label: z.string().nullish(),
  description: z.string().nullish(),
});
export type InputField = z.infer<typeof InputField>;

export const CatalogModel = z.object({
  provider_slug: id,
  model_slug: id,
  model_name: z.string().nullish(),
  description: z.string().nullish(),
  category_code: z.string().nullish(),
  price_label: z.string().nullish(),
  pricing_note: z.string().nullish(),
  availability_status: z.string().nullish(),
  inputs: z.array(InputField).nullish(),
  outputs: z
    .array(z.looseObject({ name: z.string().nullish(), variable_type_code: z.string().nullish() }))
    .nullish(),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({ items: z.array(CatalogModel), next_pq: z.string().nullish() });
