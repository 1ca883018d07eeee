import { z } from 'zod';
import { amount, maybe } from '../http/index.ts';

const id = z.string().min(1).max(200);
const text = z.string().max(10_000);

/** A run. Its state has one name in the API and another one in templates and events. */
export const Run = z
  .object({
    id,
    status_code: maybe(text),
    status: maybe(text),
    client_ref: maybe(z.string()),
    output: z.unknown().optional(),
    /** Money comes as a decimal in a text. */
    cost: maybe(amount),
    cost_breakdown: z.unknown().optional(),
    duration_ms: maybe(z.number()),
    nodes_total: maybe(z.number()),
    nodes_completed: maybe(z.number()),
    failure_code: maybe(z.string()),
    failure_message: maybe(text),
    failure_stage_code: maybe(z.string()),
    /** What its official client reads in place of the two above. */
    error: maybe(z.object({ code: maybe(z.string()), message: maybe(text) })),
    created_at: maybe(z.string()),
  })
  .refine(({ status_code: code, status }) => typeof (code ?? status) === 'string', 'a run without a state');
export type Run = z.infer<typeof Run>;

/** What tells of a listed run whose it is. */
export const ListedRun = z.object({
  id,
  client_ref: maybe(z.string()),
  model_id: maybe(z.string()),
  created_at: maybe(z.string()),
});
export type ListedRun = z.infer<typeof ListedRun>;

export const RunPage = z.object({ items: z.array(z.unknown()), next_pq: maybe(z.string()) });

/** The address is the run's own, so that the event alone has to be there. */
export const RunflowCallback = z.object({ event: z.string().max(200), run_id: maybe(id) });

export const AssetUpload = z.object({ asset_id: id, upload_url: z.string() });
export const Asset = z.object({ id, url: z.string() });

export const Balance = z.union([
  z.object({ balance: amount, currency: maybe(z.string()) }),
  z.object({ balance_cents: amount, currency: maybe(z.string()) }),
]);
export const Me = z.looseObject({ email: maybe(z.string()), organization: z.unknown().optional() });

const InputField = z.object({
  name: id,
  variable_type_code: maybe(z.string()),
  validator_code: maybe(z.string()),
  validator_attrs: maybe(z.record(z.string(), z.unknown())),
  is_required: maybe(z.boolean()),
  default_value: z.unknown().optional(),
  label: maybe(z.string()),
  description: maybe(z.string()),
});
export type InputField = z.infer<typeof InputField>;

export const CatalogModel = z.object({
  provider_slug: id,
  model_slug: id,
  model_name: maybe(z.string()),
  description: maybe(z.string()),
  category_code: maybe(z.string()),
  price_label: maybe(z.string()),
  pricing_note: maybe(z.string()),
  availability_status: maybe(z.string()),
  /** Not dropped like the rest: without its inputs a model cannot be run. */
  inputs: z.array(InputField).nullish(),
  outputs: maybe(z.array(z.looseObject({ name: maybe(z.string()), variable_type_code: maybe(z.string()) }))),
});
export type CatalogModel = z.infer<typeof CatalogModel>;

export const CatalogPage = z.object({ items: z.array(z.unknown()), next_pq: maybe(z.string()) });
