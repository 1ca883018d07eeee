import type { JsonObject } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';

/** A schema with one field of each kind that an input can have. */
export const everyFieldSchema: JsonObject = {
  type: 'object',
  required: ['prompt'],
  properties: {
    prompt: { type: 'string', minLength: 1, description: 'What to make.' },
    count: { type: 'integer', minimum: 1, maximum: 4, default: 1, description: 'How many.' },
    quality: { type: 'string', enum: ['low', 'high'], default: 'low' },
    strength: { type: 'number', minimum: 0, maximum: 1 },
    tiled: { type: 'boolean' },
    image: { type: 'string', format: 'uri', pattern: '^https://', 'x-inferry-file': 'image' },
    references: {
      type: 'array',
      maxItems: 3,
      items: { type: 'string', format: 'uri', 'x-inferry-file': 'image' },
    },
    options: {
      type: 'object',
      properties: { seed: { type: 'integer' }, mask: { type: 'string', 'x-inferry-file': 'image' } },
      additionalProperties: false,
    },
  },
};

/** A model with the fields that a test is about. */
export function modelOf(nativeId: string, fields: Partial<ProviderModel> = {}): ProviderModel {
  return {
    nativeId,
    title: nativeId,
    summary: 'Makes things.',
    kind: 'model',
    categories: ['image', 'text-to-image'],
    capabilities: ['io:text-to-image'],
    creator: 'acme',
    tags: [],
    isFeatured: false,
    isLive: true,
    weight: 0,
    inputSchema: everyFieldSchema,
    outputSchema: { type: 'object', properties: { image: { type: 'string' } } },
    price: { text: '$0.01 an image', currency: 'USD', basis: 'per_image', amount: 0.01 },
    examples: [],
    readme: '# A model',
    ...fields,
  };
}
