/** The emulated models, by owner and alias, with what the platform tells of each. */
export const modelrunnerModels = [
  {
    ownerName: 'bytedance',
    alias: 'sdxl-lightning-4step',
    name: 'SDXL Lightning',
    shortDescription: 'Makes pictures in four steps.',
    description: 'Makes pictures in four steps, quickly, from a few words.',
    category: 'text-to-image',
    pricingMode: 'per_output',
    rateCard: { pricingMode: 'per_output', pricePerOutput: '0.0042' },
    averageCost: '0.0042',
    tags: ['fast'],
    useCases: ['drafts'],
    examples: ['exampleRequest0000001'],
    inputModalities: ['text'],
    outputModalities: ['image'],
    capabilities: ['text-to-image'],
    featured: true,
    makes: 'image',
    fields: {
      prompt: { type: 'string', title: 'Prompt', 'x-order': 0 },
      num_outputs: { type: 'integer', minimum: 1, maximum: 4, default: 1, 'x-order': 1 },
      metadata: { type: 'object' },
    },
    required: ['prompt'],
  },
  {
    ownerName: 'kling',
    alias: 'v2/image-to-video',
    name: 'Kling',
    shortDescription: 'Sets a picture in motion.',
    description: 'Sets a picture in motion.',
    category: 'image-to-video',
    pricingMode: 'per_output_second',
    rateCard: { pricingMode: 'per_output_second', pricePerOutputSecond: '0.05' },
    averageCost: null,
    tags: null,
    useCases: null,
    examples: [],
    inputModalities: ['image', 'text'],
    outputModalities: ['video'],
    capabilities: ['image-to-video'],
    featured: false,
    makes: 'video',
    fields: {
      prompt: { type: 'string' },
      image: { type: 'string', format: 'uri', title: 'Image' },
    },
    required: ['prompt', 'image'],
  },
  {
    ownerName: 'meta',
    alias: 'llama',
    name: 'Llama',
    shortDescription: 'Writes text.',
    description: 'Writes text.',
    category: 'text-generation',
    pricingMode: 'per_token',
    rateCard: { pricingMode: 'per_token', tokenPricing: { text: { input: '0.10', output: '0.20' } } },
    averageCost: null,
    tags: [],
    useCases: [],
    examples: [],
    inputModalities: ['text'],
    outputModalities: ['text'],
    capabilities: ['chat'],
    featured: false,
    makes: 'text',
    fields: { prompt: { type: 'string' } },
    required: ['prompt'],
  },
  {
    ownerName: 'luma',
    alias: 'ray-flash',
    name: 'Ray Flash',
    shortDescription: 'Makes short films from words.',
    description: 'Makes short films from words.',
    category: 'text-to-video',
    pricingMode: 'per_output_second',
    rateCard: { pricingMode: 'per_output_second', pricePerOutputSecond: '0.02' },
    averageCost: '0.1',
    tags: [],
    useCases: [],
    examples: [],
    inputModalities: ['text'],
    outputModalities: ['video'],
    capabilities: [],
    featured: true,
    makes: 'video',
    fields: {
      prompt: { type: 'string', maxLength: 2000 },
      duration: { type: 'integer', enum: [5, 9], default: 5 },
    },
    required: ['prompt'],
  },
  {
    ownerName: 'bria',
    alias: 'remove-background',
    name: 'Remove background',
    shortDescription: 'Cuts out what a picture shows.',
    description: 'Cuts out what a picture shows.',
    category: 'image-to-image',
    pricingMode: 'per_output',
    rateCard: { pricingMode: 'per_output', pricePerOutput: '0.018' },
    averageCost: '0.018',
    tags: ['cutout'],
    useCases: [],
    examples: [],
    inputModalities: ['image'],
    outputModalities: ['image'],
    capabilities: ['remove_background'],
    featured: true,
    makes: 'image',
    fields: { image_url: { type: 'string', format: 'uri', description: 'The picture.' } },
    required: ['image_url'],
  },
] as const;

export type ModelRunnerModel = (typeof modelrunnerModels)[number];

export function findModelRunnerModel(path: string): ModelRunnerModel | undefined {
  return modelrunnerModels.find(({ ownerName, alias }) => `${ownerName}/${alias}` === path);
}

export function openApiOf({ ownerName: owner, alias, name, fields, required }: ModelRunnerModel): object {
  return {
    openapi: '3.0.0',
    info: { title: name, version: '1' },
    paths: { [`/${owner}/${alias}`]: { post: {} } },
    components: {
      schemas: {
        Input: { type: 'object', properties: fields, required },
        Output: { type: 'object', properties: { images: { type: 'array', items: { type: 'object' } } } },
      },
    },
  };
}

/** `Model` of the platform's specification. */
export function toListed(model: ModelRunnerModel, index: number): Record<string, unknown> {
  const { fields: _fields, required: _required, makes: _makes, rateCard: _card, ...listed } = model;
  return {
    id: `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
    ...listed,
    thumbnailUrl: `https://example.com/${model.alias}.png`,
    features: [],
    schema: openApiOf(model),
    official: true,
    contextWindow: null,
    maxOutputTokens: null,
    providerRequestConfig: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
  };
}
