/** The curated list, its taxonomy and the schemas: public, each at an address of its own. */
import { type EmulatedRoute, Refusal } from '../kit/index.ts';
import {
  architectures,
  capabilities,
  creators,
  findRunwareModel,
  type RunwareModel,
  requestSchemaOf,
  runwareModels,
} from './models.ts';

type Query = Readonly<Record<string, string | string[] | undefined>>;

const content = { method: 'GET', base: 'content', isOpen: true } as const;
const listQuery = 'capability status category creator q sort order paginate limit offset'.split(' ');

export function catalogRoutes(): EmulatedRoute[] {
  const find = (id: string | undefined) => {
    const model = findRunwareModel(id ?? '');
    if (model === undefined) throw new Refusal({ status: 404, body: { error: 'Not found' } });
    return model;
  };
  return [
    ...listRoutes(),
    {
      ...content,
      path: '/models/:id',
      kind: 'describe',
      handle: ({ params }) => toMetadata(find(params.id)),
    },
    {
      ...content,
      path: '/models/:id/examples',
      kind: 'describe',
      query: ['capability'],
      handle: ({ params, query }) =>
        examplesOf(find(params.id)).filter(
          ({ capability }) => query.capability === undefined || query.capability === capability,
        ),
    },
    {
      ...content,
      path: '/models/:id/pricing',
      kind: 'describe',
      handle: ({ params }) => toPricing(find(params.id)),
    },
    { ...content, path: '/models/:id/guides', kind: 'describe', handle: () => [] },
    {
      method: 'GET',
      path: '/registry.json',
      base: 'schemas',
      isOpen: true,
      kind: 'describe',
      headers: ['if-none-match'],
      handle: () => ({
        version: '20260722152433',
        models: Object.fromEntries(
          runwareModels.map(({ air, taskType, slug }) => [air, { taskType, id: slug }]),
        ),
        architectureTaskTypes: architectures,
        modalityTaskTypes: { image: 'imageInference', video: 'videoInference' },
      }),
    },
    {
      method: 'GET',
      path: '/resolve/:id',
      base: 'schemas',
      isOpen: true,
      kind: 'describe',
      handle({ params }) {
        const model = find(params.id);
        return {
          requestSchema: requestSchemaOf(model),
          responseSchema: {
            type: 'object',
            properties: { taskType: {}, imageURL: { type: 'string', format: 'uri' } },
          },
          documentation: `https://runware.ai/docs/models/${model.slug}`,
        };
      },
    },
  ];
}

/** What is filtered, and what is listed without a filter. A page only where it is asked for, else the whole. */
function listRoutes(): EmulatedRoute[] {
  return [
    {
      ...content,
      path: '/models',
      kind: 'catalog',
      query: listQuery,
      handle({ query }) {
        const listed = [...runwareModels.map(toMetadata), shadow, ...unoffered].filter(matches(query));
        if (query.paginate !== 'true') return listed;
        const { limit = '20', offset = '0' } = query;
        const items = listed.slice(Number(offset), Number(offset) + Number(limit));
        return { total: listed.length, limit: Number(limit), offset: Number(offset), items };
      },
    },
    { ...content, path: '/capabilities', kind: 'catalog', handle: () => capabilities },
    {
      ...content,
      path: '/creators',
      kind: 'catalog',
      handle: () =>
        creators.map((creator) => ({
          ...creator,
          models: runwareModels.filter((model) => model.creator === creator.id).map(toMetadata),
        })),
    },
    {
      ...content,
      path: '/collections',
      kind: 'catalog',
      query: ['category'],
      handle: () => [{ id: 'featured', name: 'Featured', order: 1, category: ['image'], models: [] }],
    },
  ];
}

function matches({ capability, category, creator, status, q }: Query): (model: Metadata) => boolean {
  const words = typeof q === 'string' ? q.toLowerCase() : '';
  return (model) =>
    (capability === undefined || model.capabilities.some((id) => id === capability)) &&
    (category === undefined || model.category === category) &&
    (creator === undefined || model.creator === creator) &&
    (status === undefined || model.status === status) &&
    `${model.name} ${model.air} ${model.model}`.toLowerCase().includes(words);
}

interface Metadata {
  model: string;
  air: string;
  name: string;
  creator?: string;
  category?: string;
  capabilities: readonly string[];
  status: string;
}

function toMetadata(model: RunwareModel): Metadata {
  const { air, slug, name, creator, category, weight, overview } = model;
  return {
    model: slug,
    air,
    name,
    creator,
    capabilities: model.capabilities,
    category,
    status: 'live',
    ...{
      weight,
      headline: `${name}, by an emulator.`,
      description: `${name} makes things.`,
      coverImage: 'https://example.com/cover.png',
      releasedAt: '2026-01-01',
      hosted: true,
    },
    ...(overview !== undefined && { pricingOverview: overview }),
    ...{ pricingExamples: pricesOf(model) },
  };
}

function toPricing(model: RunwareModel): object {
  const { air, slug, name, category, overview } = model;
  return {
    model: slug,
    air,
    name,
    status: 'live',
    coverImage: 'https://example.com/cover.png',
    releasedAt: '2026-01-01',
    ...(overview !== undefined && { pricingOverview: overview }),
    pricingExamples: pricesOf(model),
    category: [category],
  };
}

function pricesOf({ prices }: RunwareModel): { configuration: string; price: string }[] {
  return prices.map(({ configuration, price }) => ({ configuration, price: `$${price}` }));
}

/** A curated request with its response; those of a model that has none of its own are about a lighthouse. */
function examplesOf({ air, slug, taskType, capabilities: able, examples = [lighthouse] }: RunwareModel) {
  return examples.map(({ id, title, input }, index) => ({
    id,
    title,
    model: slug,
    capability: examples.length > 1 ? (able[0] ?? 'io:text-to-image') : 'io:text-to-image',
    asset: index === 0 ? null : `https://example.com/${id}.webp`,
    request: { taskType, model: air, ...input },
    response: { taskType, imageURL: `https://example.com/${id}.png`, cost: 0.0013 },
  }));
}

const lighthouse = {
  id: 'lighthouse',
  title: 'Lighthouse',
  input: { positivePrompt: 'a lighthouse at dusk' },
};

/** The same model by another surface: it is to be left out. */
const shadow: Metadata = {
  model: 'flux-openai',
  air: 'runware:100@1-openai',
  name: 'FLUX',
  capabilities: [],
  status: 'openai-compatible',
};
/** What the list holds and nobody is offered. */
const unoffered: Metadata[] = ['deprecated', 'draft', 'unlisted'].map((status) => ({
  ...shadow,
  model: `flux-${status}`,
  air: `runware:${status}@1`,
  status,
}));
