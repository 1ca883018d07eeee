import { ConfigError } from '@inferry/contracts';
import { z } from 'zod';
import { type ContractCase, contractCases } from '../contract-cases.ts';
import { PriceExpressionError, readPriceExpression } from '../prices/price-expression.ts';

/**
 * A platform with submit-and-poll, described by data (`docs/generic-providers.md`). Unknown fields are refused, so that a
 * misspelt one is found at the start and not in production.
 */

const slug = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'lower case, digits and dashes');
/** RFC 6901, and `*` for every item of a list. */
const pointer = z.string().regex(/^(\/[^/]*)+$/, 'a JSON pointer such as /data/id');
const words = z.array(z.string().min(1)).default([]);
const path = z.string().startsWith('/', 'a path below base_url begins with a slash');
const kind = z.enum(['image', 'video', 'audio', 'text', '3d', 'json', 'file']);

const Call = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']).optional(),
  /** Below `base_url`; or `url`, when the platform gives a whole address. */
  path: path.optional(),
  url: z.string().optional(),
  query: z.record(z.string(), z.string()).optional(),
  /** JSON with `{{placeholders}}`; the key `...` puts an object's fields in its place. */
  body: z.json().optional(),
});

const OutputRule = z.strictObject({
  at: pointer.describe('A link, or a text for kind text'),
  kind,
  content_type: z.string().regex(/^[\w.+-]+\/[\w.+*-]+$/),
});

const ErrorRule = z.strictObject({
  status: z.int().min(200).max(599).optional(),
  at: pointer.optional(),
  equals: z.array(z.union([z.string(), z.number()])).optional(),
  contains: z.string().optional(),
  code: z.enum([
    'insufficient_credits',
    'unauthorized',
    'forbidden',
    'model_not_found',
    'validation_failed',
    'content_blocked',
    'rate_limited',
    'busy',
    'upstream_unavailable',
    'upstream_failed',
  ]),
});
export type ErrorRule = z.infer<typeof ErrorRule>;

const Result = z.strictObject({
  outputs: z.array(OutputRule).min(1),
  error: z.strictObject({ message: pointer.optional(), code: pointer.optional(), blocked: words }).optional(),
  charged: z
    .strictObject({ at: pointer, currency: z.string(), factor: z.number().positive().default(1) })
    .optional(),
  /** `billed`: what fails or is cancelled may cost something that no reply tells. */
  failures: z.enum(['free', 'billed']).default('billed'),
});

const States = z
  .strictObject({
    queued: words,
    running: words,
    succeeded: words,
    failed: words,
    cancelled: words,
    expired: words,
  })
  .refine(({ succeeded }) => succeeded.length > 0, 'succeeded needs at least one word');

const Poll = Call.extend({
  status: pointer,
  states: States,
  progress: z.strictObject({ at: pointer, of: z.number().positive().default(1) }).optional(),
  every_ms: z.int().min(100).max(60_000).optional(),
});

const Field = z.strictObject({
  name: z.string().min(1),
  type: z.enum(['string', 'number', 'integer', 'boolean', 'object', 'array']).default('string'),
  description: z.string().max(500).optional(),
  required: z.boolean().default(false),
  default: z.json().optional(),
  choices: z.array(z.union([z.string(), z.number()])).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  max_items: z.int().optional(),
  file: z.enum(['image', 'video', 'audio', '3d', 'file']).optional(),
  list: z.boolean().default(false),
});

/** What is wrong with it is told when the file is read. */
const PriceExpressionText = z.string().superRefine((text, context) => {
  try {
    readPriceExpression(text);
  } catch (error) {
    if (!(error instanceof PriceExpressionError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
});

const Model = z.strictObject({
  id: z.string().regex(/^[\x21-\x7e]{1,200}$/),
  title: z.string().min(1),
  summary: z.string().min(1).max(300),
  output: kind,
  capabilities: words,
  fields: z.array(Field).min(1),
  /** For `{{model.<name>}}`. */
  values: z.record(z.string(), z.string()).default({}),
  price: z
    .strictObject({
      text: z.string().optional(),
      currency: z.string().default('USD'),
      basis: z.enum(['per_image', 'per_second', 'per_request', 'per_hour', 'unknown']).default('unknown'),
      amount: z.number().nonnegative().optional(),
      expression: PriceExpressionText.optional(),
    })
    .optional(),
});
export type DescribedModel = z.infer<typeof Model>;

const Auth = z.discriminatedUnion('type', [
  /** A server that wants no key, such as one of one's own. */
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('bearer') }),
  z.strictObject({
    type: z.literal('header'),
    name: z.string().regex(/^[a-zA-Z0-9-]+$/),
    prefix: z.string().default(''),
  }),
  /** The key is `<access key>:<secret>`; a short-lived token is made of it for each call (HS256). */
  z.strictObject({ type: z.literal('jwt'), lifetime_seconds: z.int().min(30).max(3_600).default(1_800) }),
]);
export type Auth = z.infer<typeof Auth>;

const Facts = z.strictObject({
  offers: z.string().optional(),
  prices: z.string().optional(),
  files: z.string().optional(),
  results: z.string().optional(),
});

// as: the keys of a literal table, at least one.
const caseNames = Object.keys(contractCases) as [ContractCase, ...ContractCase[]];

export const Description = z
  .strictObject({
    slug,
    title: z.string().min(1),
    homepage: z.url(),
    base_url: z.url(),
    base_url_variable: z.string().optional(),
    key_variables: z.array(z.string().regex(/^[A-Z][A-Z0-9_]*$/)).optional(),
    /** Further hosts that may have the key; `.example.com` for all below. */
    key_hosts: words,
    auth: Auth.default({ type: 'bearer' }),
    headers: z.record(z.string(), z.string()).default({}),
    submit: Call.extend({
      /** Values of the reply that later calls use as `{{handle.<name>}}`. */
      handle: z.record(z.string(), pointer).default({}),
      /** Whether the platform counts its jobs instead of naming them. */
      numeric_ids: z.boolean().default(false),
    }),
    /** Absent: the answer of the submit is the result. */
    poll: Poll.optional(),
    result: Result,
    cancel: Call.extend({ kind: z.enum(['real', 'cosmetic']) }).optional(),
    probe: Call.optional(),
    /** What counts as failed although the status is 2xx: any other value than these. */
    success: z
      .strictObject({ at: pointer, equals: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1) })
      .optional(),
    errors: z.array(ErrorRule).default([]),
    models: z.array(Model).min(1),
    facts: Facts.default({}),
    exceptions: z.partialRecord(z.enum(caseNames), z.string()).default({}),
    unverified: z.array(z.string()).default([]),
  })
  .refine(({ poll, submit }) => poll === undefined || Object.keys(submit.handle).length > 0, {
    path: ['submit', 'handle'],
    message: 'poll needs at least one value of the submit’s reply, such as id: /id',
  });
export type Description = z.infer<typeof Description>;

/** A description, or a `ConfigError` that names the file and each problem. */
export function parseDescription(value: unknown, source: string): Description {
  const parsed = Description.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(
    ({ path: at, message }) => `  - ${at.map(String).join('.') || 'the file'}: ${message}`,
  );
  throw new ConfigError([`PROVIDER_FILES: ${source} does not describe a provider:\n${lines.join('\n')}`]);
}
