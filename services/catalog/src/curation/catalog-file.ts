import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { equalChoices } from '@inferry/contracts';
import { PriceExpressionError, readPriceExpression } from '@inferry/providers';
import { ConfigError } from '@inferry/runtime';
import { z } from 'zod';

const maxFileBytes = 4 * 1_024 * 1_024;

const modelId = z
  .string()
  .max(300)
  .regex(/^[^/\s]+\/\S+$/, 'must be <provider>/<model>');
const words = z.array(z.string().min(1).max(100)).max(32);

const PriceExpressionText = z.string().superRefine((text, context) => {
  try {
    readPriceExpression(text);
  } catch (error) {
    if (!(error instanceof PriceExpressionError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
});

/** What a model costs here, whatever its platform tells: by an expression of the input, or by a table of configurations. */
const OwnPrice = z
  .strictObject({
    expression: PriceExpressionText.optional(),
    table: z
      .array(z.strictObject({ configuration: z.string().min(1).max(200), amount: z.number().nonnegative() }))
      .min(1)
      .max(500)
      .optional(),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .default('USD'),
    basis: z.enum(['per_image', 'per_second', 'per_request', 'per_hour']).default('per_request'),
    /** As people are shown it. */
    text: z.string().min(1).max(120).optional(),
  })
  .refine(({ expression, table }) => (expression === undefined) !== (table === undefined), {
    message: 'has either an expression or a table',
  });
export type OwnPrice = z.infer<typeof OwnPrice>;

/** What an operator may say of one model; the rest is as its provider says. */
const ModelChanges = z.strictObject({
  title: z.string().min(1).max(200).optional(),
  summary: z.string().min(1).max(500).optional(),
  categories: words.min(1).optional(),
  capabilities: words.optional(),
  tags: words.optional(),
  /** Order among equals, higher first. */
  weight: z.number().min(-1e6).max(1e6).optional(),
  price: OwnPrice.optional(),
});
export type ModelChanges = z.infer<typeof ModelChanges>;

const fieldName = z.string().min(1).max(200);

/** Models of several platforms that do the same, under one name. */
const OwnGroup = z.strictObject({
  models: z.array(modelId).min(2).max(10),
  /** Of a model: its own name for a field by that of callers; null where it has no such field. */
  fields: z.record(modelId, z.record(fieldName, fieldName.nullable())).default({}),
  /** Default: as they are listed. */
  choose: z.enum(equalChoices).default('order'),
  /** Whether a run goes to the next where one certainly took nothing. */
  failover: z.boolean().default(true),
});

interface Fault {
  path: PropertyKey[];
  message: string;
}

function faultsOf({ models, fields }: z.infer<typeof OwnGroup>): Fault[] {
  const doubles = models.flatMap((id, at): Fault[] =>
    models.indexOf(id) === at ? [] : [{ path: ['models', at], message: 'is there twice' }],
  );
  const mapped = Object.entries(fields).flatMap(([id, names]): Fault[] => {
    if (!models.includes(id)) return [{ path: ['fields', id], message: 'is none of its models' }];
    const own = Object.values(names);
    return Object.entries(names).flatMap(([field, target]): Fault[] =>
      target === null || own.indexOf(target) === own.lastIndexOf(target)
        ? []
        : [{ path: ['fields', id, field], message: `is not the only one that becomes ${target}` }],
    );
  });
  return [...doubles, ...mapped];
}

/** `CATALOG_FILE`: what an operator wants otherwise than the providers list it. Documented in this service's README. */
export const CatalogFile = z
  .strictObject({
    $schema: z.string().optional(),
    /** The curated shortlist, best first; with it, nothing else is featured. */
    featured: z.array(modelId).max(1_000).optional(),
    /** Shortlists by what they are for (`image`, `video`, `utility`, any category), best first. */
    recommended: z.record(z.string().min(1).max(100), z.array(modelId).max(200)).optional(),
    /** Ids that nobody finds or runs; `*` stands for anything. */
    hidden: z.array(z.string().min(1).max(300)).max(1_000).optional(),
    /** Names of this deployment's own, e.g. `fast-image`, for models. */
    aliases: z
      .record(z.string().regex(/^\S{1,100}$/, 'must be a word'), z.union([modelId, OwnGroup]))
      .optional(),
    models: z.record(modelId, ModelChanges).optional(),
    providers: z.record(z.string(), z.strictObject({ sync_seconds: z.int().min(5).max(86_400) })).optional(),
  })
  .superRefine(({ aliases = {} }, context) => {
    for (const [name, group] of Object.entries(aliases)) {
      if (typeof group === 'string') continue;
      for (const { path, message } of faultsOf(group))
        context.addIssue({ code: 'custom', path: ['aliases', name, ...path], message });
    }
  })
  .superRefine(({ featured = [], recommended = {} }, context) => {
    const lists = [
      [['featured'], featured] as const,
      ...Object.entries(recommended).map(([name, ids]) => [['recommended', name], ids] as const),
    ];
    for (const [path, ids] of lists) {
      ids.forEach((id, at) => {
        if (ids.indexOf(id) === at) return;
        context.addIssue({ code: 'custom', path: [...path, at], message: 'is there twice' });
      });
    }
  });
export type CatalogFile = z.infer<typeof CatalogFile>;

/** Reads the operator's file. Throws `ConfigError` with everything that is wrong in it. */
export function readCatalogFile(path: string): CatalogFile {
  const text = readText(path);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw problem(`is not JSON: ${error instanceof Error ? error.message : 'it cannot be read'}`);
  }
  const parsed = CatalogFile.safeParse(document);
  if (parsed.success) return parsed.data;
  const lineOf = linesOf(text);
  const problems = parsed.error.issues
    .flatMap(innermost)
    .map(({ path: at, message }) => `${at.join('.') || 'file'}: ${message} (line ${lineOf(at)})`);
  throw new ConfigError(problems.map((text) => `CATALOG_FILE: ${text}`));
}

/** Of what may be written in two ways, what is wrong with the way that comes closest. */
function innermost(issue: z.core.$ZodIssue): Fault[] {
  const { path, message } = issue;
  if (issue.code !== 'invalid_union') return [{ path, message }];
  const ways = issue.errors.map((errors) => errors.flatMap(innermost));
  const deepest = (faults: readonly Fault[]) => Math.max(0, ...faults.map((fault) => fault.path.length));
  const [closest = []] = ways.toSorted((one, other) => deepest(other) - deepest(one));
  if (deepest(closest) === 0) return [{ path, message }];
  return closest.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
}

/** The line of a part of the file; of what is around it where there is no such part. */
function linesOf(text: string): (path: readonly PropertyKey[]) => number {
  // as: the types of this very package, which nobody needs who has no fault in the file.
  const yaml = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const counter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: counter });
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (yaml.isNode(node) && node.range !== null && node.range !== undefined)
        return counter.linePos(node.range[0]).line;
    }
    return 1;
  };
}

function readText(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > maxFileBytes) throw problem(`has more than ${maxFileBytes} characters`);
    return text;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw problem(`${path} cannot be read (${code})`);
  }
}

function problem(text: string): ConfigError {
  return new ConfigError([`CATALOG_FILE: ${text}`]);
}
