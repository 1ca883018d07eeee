import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { findRunwareModel, type RunwareModel, requestSchemaOf, runwareModels } from './models.ts';

/** The curated list and the schemas: public, each at an address of its own. */
export function catalogRoutes(emulator: Emulator): EmulatedRoute[] {
  const find = (id: string | undefined) => {
    const model = findRunwareModel(id ?? '');
    if (model === undefined) throw emulator.refusal('unknown_model', id);
    return model;
  };
  const content = { method: 'GET', base: 'content', isOpen: true } as const;
  return [
    {
      ...content,
      path: '/models',
      kind: 'catalog',
      query: [
        'capability',
        'status',
        'category',
        'creator',
        'q',
        'sort',
        'order',
        'paginate',
        'limit',
        'offset',
      ],
      handle({ query: { limit = '20', offset = '0' } }) {
        const listed = [...runwareModels.map(toMetadata), shadow, ...unoffered];
        const items = listed.slice(Number(offset), Number(offset) + Number(limit));
        return { total: listed.length, limit: Number(limit), offset: Number(offset), items };
      },
    },
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
      handle({ params }) {
        const { air, slug, taskType } = find(params.id);
        const request = { taskType, model: air, positivePrompt: 'a lighthouse at dusk' };
        const response = { taskType, imageURL: 'https://example.com/lighthouse.png', cost: 0.0013 };
        const example = {
          id: 'lighthouse',
          title: 'Lighthouse',
          model: slug,
          capability: 'io:text-to-image',
        };
        return [{ ...example, asset: null, request, response }];
      },
    },
    {
      method: 'GET',
      path: '/resolve/:id',
      base: 'schemas',
      isOpen: true,
      kind: 'describe',
      handle: ({ params }) => ({
        requestSchema: requestSchemaOf(find(params.id)),
        responseSchema: {
          type: 'object',
          properties: { taskType: {}, imageURL: { type: 'string', format: 'uri' } },
        },
        documentation: 'https://example.com/docs',
      }),
    },
  ];
}

function toMetadata(model: RunwareModel): object {
  const { air, slug, name, creator, capabilities, category, weight, prices } = model;
  return {
    model: slug,
    air,
    name,
    creator,
    capabilities,
    category,
    weight,
    status: 'live',
    headline: `${name}, by an emulator.`,
    description: `${name} makes things.`,
    coverImage: 'https://example.com/cover.png',
    releasedAt: '2026-01-01',
    hosted: true,
    pricingExamples: prices.map(({ configuration, price }) => ({ configuration, price: `$${price}` })),
  };
}

/** The same model by another surface: it is to be left out. */
const shadow = {
  model: 'flux-openai',
  air: 'runware:100@1-openai',
  name: 'FLUX',
  capabilities: [],
  status: 'openai-compatible',
};
/** What the list holds and nobody is offered. */
const unoffered = ['deprecated', 'draft', 'unlisted'].map((status) => ({
  ...shadow,
  model: `flux-${status}`,
  air: `runware:${status}@1`,
  status,
}));
