import { z } from 'zod';
import { jsonObject } from './basics.ts';

export const modelKinds = ['model', 'solution', 'wrapper', 'endpoint'] as const;

/** A catalog entry as search shows it. */
export const ModelSummary = z.object({
  model: z.string().describe('Pass to run_model'),
  title: z.string().optional().describe('Name'),
  provider: z.string().optional().describe('Provider'),
  kind: z.string().optional().describe('model, solution, wrapper or endpoint'),
  category: z.string().optional().describe('Category'),
  capabilities: z.array(z.string()).optional().describe('Capability ids'),
  summary: z.string().optional().describe('One line'),
  needs: z.string().optional().describe('Required inputs'),
  price: z.string().optional().describe('Human price hint'),
  featured: z.boolean().optional().describe('Curated pick'),
  live: z.boolean().optional().describe('False: cannot be run now'),
  connected: z.boolean().optional().describe('False: its provider needs a key'),
});
export type ModelSummary = z.infer<typeof ModelSummary>;

/**
 * Any JSON value. Clients that check schemas take one without a keyword for a mistake, and a list of types or a union for
 * one that not every client reads: a bound that nothing is outside of satisfies both.
 */
const anyJson = z.unknown().meta({ minItems: 0 });

export const ModelInput = z.object({
  name: z.string().optional().describe('Field'),
  type: z.string().optional().describe('Type'),
  required: z.boolean().optional().describe('Required'),
  default: anyJson.optional().describe('Default'),
  description: z.string().optional().describe('Meaning'),
  allowed: z.array(anyJson).optional().describe('Allowed values'),
  is_file: z.boolean().optional().describe('Takes a file URL'),
});
export type ModelInput = z.infer<typeof ModelInput>;

/** What a run would cost, in units of `currency`. */
export const Quote = z.object({
  currency: z.string(),
  min: z.number().optional(),
  max: z.number().optional(),
  exact: z.boolean(),
  unpriced_inputs: z.array(z.string()),
  basis: z.enum(['per_image', 'per_second', 'per_request', 'per_hour', 'unknown']),
});
export type Quote = z.infer<typeof Quote>;

/** How much of a price is known. `range`: from-to. `floor`: so much or more. */
export const quoteKinds = ['exact', 'range', 'floor', 'unknown'] as const;
export type QuoteKind = (typeof quoteKinds)[number];

export function quoteKindOf({ exact, min, max }: Pick<Quote, 'exact' | 'min' | 'max'>): QuoteKind {
  if (max !== undefined) return exact ? 'exact' : 'range';
  return min !== undefined && min > 0 ? 'floor' : 'unknown';
}

/** The price of what may be any of several: as sure as the least sure of them. All are in one currency. */
export function coverQuotes(first: Quote, others: readonly Quote[]): Quote {
  const all = [first, ...others];
  const most = all.flatMap(({ max }) => max ?? []);
  const least = all.map(({ min, max, exact }) => min ?? (exact ? max : undefined) ?? 0);
  const isKnown = most.length === all.length;
  const { max: _max, min: _min, ...rest } = first;
  return {
    ...rest,
    ...(Math.min(...least) > 0 || first.min !== undefined ? { min: Math.min(...least) } : {}),
    ...(isKnown && { max: Math.max(...most) }),
    exact: isKnown && all.every(({ exact, max }) => exact && max === first.max),
    unpriced_inputs: [...new Set(all.flatMap(({ unpriced_inputs: names }) => names))],
  };
}

export const ModelExample = jsonObject;
