import { createHash } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { ListReader, PlatformClient } from '../http/index.ts';
import { filesIn } from '../outputs/answer.ts';
import { toPrice } from '../prices/price-text.ts';
import type { Provider, ProviderContext, ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, componentSchema, type Form } from '../schema/index.ts';
import { Collection, CollectionEntry, Collections, Model } from './wire.ts';

const maxCollections = 60;
const maxPages = 10;
const atOnce = 4;

/** The models of the platform's collections, and those that an operator named; there are too many others to list. */
export async function listCatalog(
  client: PlatformClient,
  {
    context,
    etag,
    named,
    lists,
  }: {
    context: ProviderContext;
    etag: string | undefined;
    named: readonly string[];
    lists: ListReader;
  },
): ReturnType<Provider['listModels']> {
  const slugs = await listSlugs(client, { context, lists });
  const found = new Map<string, ProviderModel>();
  const add = (model: Model, collection?: string) => {
    const summary = toModel(model, collection);
    if (found.has(summary.nativeId)) return;
    if (!/^[\x21-\x7e]{1,250}$/.test(summary.nativeId))
      return lists.skip(summary.nativeId, 'its name cannot be part of an address');
    found.set(summary.nativeId, { ...summary, schemaState: 'summary' });
  };
  for (let from = 0; from < slugs.length; from += atOnce) {
    const part = slugs.slice(from, from + atOnce);
    const read = part.map((slug) => readCollection(client, slug, { context, lists }));
    for (const { models, slug } of (await Promise.all(read)).flat())
      for (const model of lists.read(models, Model)) add(model, slug);
  }
  for (const name of named) {
    const model = await readNamed(client, name, { context, lists });
    if (model !== undefined) add(model);
  }
  const models = [...found.values()].sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
  const now = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return etag === now ? 'unchanged' : { etag: now, models };
}

/** A collection that is gone since the list was made takes no other away. */
async function readCollection(
  client: PlatformClient,
  slug: string,
  { context, lists }: { context: ProviderContext; lists: ListReader },
): Promise<{ slug: string; models: unknown[] }[]> {
  try {
    const call = { path: `/collections/${slug}`, integers: 'number' } as const;
    return [(await client.read(Collection, call, context)).body];
  } catch (error) {
    if (!isOfOne(error)) throw error;
    lists.skip(slug, 'the collection cannot be read');
    return [];
  }
}

async function readNamed(
  client: PlatformClient,
  name: string,
  { context, lists }: { context: ProviderContext; lists: ListReader },
): Promise<Model | undefined> {
  try {
    return await readWire(client, name, context);
  } catch (error) {
    if (!isOfOne(error)) throw error;
    lists.skip(name, 'it is named in REPLICATE_MODELS and cannot be read');
    return undefined;
  }
}

/** A fault of the one that was asked for, and not of the platform or of the key. */
function isOfOne(error: unknown): boolean {
  return (
    error instanceof AppError &&
    ['model_not_found', 'upstream_malformed', 'validation_failed'].includes(error.code)
  );
}

async function listSlugs(
  client: PlatformClient,
  { context, lists }: { context: ProviderContext; lists: ListReader },
): Promise<string[]> {
  const slugs: string[] = [];
  let next: string | undefined;
  for (let page = 0; page < maxPages && slugs.length < maxCollections; page++) {
    const call = next === undefined ? { path: '/collections' } : { url: next };
    const { body } = await client.read(Collections, call, context);
    slugs.push(...lists.read(body.results, CollectionEntry).map(({ slug }) => slug));
    next = body.next ?? undefined;
    if (next === undefined) break;
  }
  return slugs.slice(0, maxCollections);
}

/** One model as the platform has it; `owner/name`. */
export async function readWire(
  client: PlatformClient,
  name: string,
  context: ProviderContext,
): Promise<Model> {
  const [owner = '', model = '', ...rest] = name.split('/');
  if (owner === '' || model === '' || rest.length > 0) {
    throw new AppError('model_not_found', 'A model of Replicate is named owner/name.');
  }
  const path = `/models/${encodeURIComponent(owner)}/${encodeURIComponent(model)}`;
  return (await client.read(Model, { path, integers: 'number' }, context)).body;
}

/** With its schema, which comes with the latest version. */
export function toModel(model: Model, collection?: string): ProviderModel {
  const { owner, name, description, default_example: example, latest_version: version } = model;
  const nativeId = `${owner}/${name}`;
  const summary = cleanText(description ?? nativeId);
  const openapi = version?.openapi_schema;
  const inputSchema = componentSchema(openapi, 'Input') ?? { type: 'object', properties: {} };
  const outputSchema = componentSchema(openapi, 'Output') ?? { type: 'object', properties: {} };
  const givesFiles = JSON.stringify(outputSchema).includes('"format":"uri"');
  const output = formOf(example?.output, { collection, givesFiles });
  const text = [nativeId, description, collection].join(' ');
  const capabilities = capabilitiesOf({ text, inputSchema, output });
  return {
    nativeId,
    title: nativeId,
    summary,
    kind: 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: owner,
    tags: collection === undefined ? [] : [collection.slice(0, 60)],
    isFeatured: false,
    isLive: true,
    weight: Math.log10(1 + Math.max(0, model.run_count ?? 0)),
    inputSchema,
    outputSchema,
    price: toPrice(undefined, 'by the second of hardware, or by output; see the page of the model'),
    examples: example?.input ? [{ title: 'Example', input: example.input, output: {}, cost: 0 }] : [],
    ...(model.cover_image_url && { coverUrl: model.cover_image_url }),
    readme: [summary, model.license_url ? `Licence: ${model.license_url}` : ''].filter(Boolean).join('\n\n'),
  };
}

/** By what its example made, else by the collection that it stands in. Links are no text, whatever they end in. */
function formOf(
  example: unknown,
  { collection = '', givesFiles }: { collection?: string | undefined; givesFiles: boolean },
): Form | undefined {
  const [file] = filesIn(example);
  if (file !== undefined) {
    const { kind } = file;
    return kind === 'image' || kind === 'video' || kind === 'audio' || kind === '3d' ? kind : undefined;
  }
  if (!givesFiles && (typeof example === 'string' || Array.isArray(example))) return 'text';
  // What `text-to-image` gives stands at its end.
  const made = collection.split('-to-').at(-1) ?? '';
  const word = /(image|video|audio|speech|music|3d|text|language)/.exec(made)?.[1];
  if (word === 'speech' || word === 'music' || word === 'audio') return 'audio';
  if (word === 'text' || word === 'language') return 'text';
  return word === 'image' || word === 'video' || word === '3d' ? word : undefined;
}
