/** What Runware says of a model in its own words, and of models that no list of it has. */
import type { JsonObject } from '@inferry/contracts';
import { z } from 'zod';
import type { PlatformClient } from '../http/index.ts';
import { rawOf } from '../outputs/answer.ts';
import type { CommunityModel, RecordQuery } from '../platform-services.ts';
import type { ProviderContext, ProviderModel } from '../provider.ts';
import { normaliseSchema } from '../schema/index.ts';
import { internalFields } from './catalog.ts';
import type { Schemas } from './schemas.ts';

const maxRecordChars = 120_000;
/** `creator:family@version`: what the platform takes for a model. */
const airPattern = /^[\w.-]{1,80}:[\w.-]{1,120}@[\w.-]{1,80}$/;

const pathOf = {
  about: '',
  examples: '/examples',
  prices: '/pricing',
} as const;

/** Undefined where the platform has nothing of that kind, which it says with 404 (or with `null`). */
export async function readRecord(
  client: PlatformClient,
  { nativeId, part, capability }: RecordQuery,
  context: ProviderContext,
): Promise<unknown> {
  const { status, body } = await client.read(
    z.unknown(),
    {
      base: 'content',
      path: `/models/${encodeURIComponent(nativeId)}${pathOf[part]}`,
      isKeyless: true,
      accept: [404],
      ...(part === 'examples' && capability !== undefined && { query: { capability } }),
    },
    context,
  );
  if (status === 404 || body === null || body === undefined) return undefined;
  const { record } = rawOf({ record: body }, { maxChars: maxRecordChars }) ?? {};
  return record;
}

/** Fields that most tasks have: a value that comes as a text is read as what it is. */
const usualFields: Readonly<Record<string, JsonObject>> = {
  positivePrompt: { type: 'string' },
  negativePrompt: { type: 'string' },
  width: { type: 'integer' },
  height: { type: 'integer' },
  steps: { type: 'integer' },
  seed: { type: 'integer' },
  CFGScale: { type: 'number' },
  numberResults: { type: 'integer', default: 1 },
  outputFormat: { type: 'string' },
};

/**
 * A model that is in no list: by its own schema where the platform has one for it, else with any field. It is there when
 * something says so: a schema, a search for exactly its AIR, or its caller, who names the task.
 */
export async function describeUnlisted(
  air: string,
  wanted: unknown,
  parts: {
    schemas: Schemas;
    context: ProviderContext;
    find(air: string): Promise<CommunityModel | undefined>;
  },
): Promise<ProviderModel | undefined> {
  if (!airPattern.test(air)) return undefined;
  const { schemas, context } = parts;
  const { requestSchema } = await schemas.of(air, context);
  const found = await parts.find(air);
  if (requestSchema === null && found === undefined && typeof wanted !== 'string') return undefined;
  // Said here, before a run is made, and not when it is sent.
  await schemas.taskTypeOf(air, wanted, { context, architectureOf: async () => found?.architecture });
  const inputSchema =
    requestSchema === null
      ? { type: 'object', properties: usualFields, additionalProperties: true }
      : normaliseSchema(requestSchema, { hidden: internalFields });
  const native = requestSchema === null ? {} : { nativeSchema: requestSchema };
  return { ...toModel(air, { found, inputSchema }), ...native };
}

function toModel(
  air: string,
  { found, inputSchema }: { found: CommunityModel | undefined; inputSchema: JsonObject },
): ProviderModel {
  const { name, version, category, architecture, tags = [] } = found ?? {};
  const title = [name ?? air, version].filter(Boolean).join(' ').slice(0, 120);
  const about = ['A model of the community', category, architecture].filter(Boolean).join(', ');
  return {
    nativeId: air,
    title,
    summary: about,
    kind: 'model',
    categories: ['other'],
    capabilities: [],
    creator: air.split(':')[0] ?? 'community',
    tags: tags.slice(0, 20),
    isFeatured: false,
    isLive: true,
    weight: 0,
    inputSchema,
    outputSchema: { type: 'object', properties: {} },
    price: { text: 'not told', currency: 'USD', basis: 'unknown' },
    examples: [],
    readme: about,
  };
}
