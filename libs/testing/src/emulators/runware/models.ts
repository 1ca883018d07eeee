/** The emulated models, by AIR. */
export interface RunwareModel {
  air: string;
  slug: string;
  name: string;
  creator: string;
  capabilities: readonly string[];
  category: string;
  taskType: string;
  makes: 'image' | 'video' | 'audio' | 'text';
  weight: number;
  prices: readonly { configuration: string; price: number }[];
  properties: Readonly<Record<string, object>>;
  required: readonly string[];
}

const text = { type: 'string', minLength: 2, maxLength: 3_000 };

export const runwareModels: readonly RunwareModel[] = [
  {
    air: 'runware:100@1',
    slug: 'flux-schnell',
    name: 'FLUX.1 schnell',
    creator: 'Black Forest Labs',
    capabilities: ['io:text-to-image'],
    category: 'image',
    taskType: 'imageInference',
    makes: 'image',
    weight: 90,
    prices: [
      { configuration: '1024x1024', price: 0.0013 },
      { configuration: '2048x2048', price: 0.005 },
    ],
    properties: {
      positivePrompt: { ...text, description: 'What to make.' },
      width: { type: 'integer', minimum: 128, maximum: 2_048, multipleOf: 64 },
      height: { type: 'integer', minimum: 128, maximum: 2_048, multipleOf: 64 },
      numberResults: { type: 'integer', minimum: 1, maximum: 20, default: 1 },
      seedImage: { type: 'string', title: 'Seed image', format: 'uri' },
    },
    required: ['positivePrompt'],
  },
  {
    air: 'klingai:kling-video@3-4k',
    slug: 'kling-3-4k',
    name: 'Kling 3 4K',
    creator: 'KlingAI',
    capabilities: ['io:image-to-video', 'io:text-to-video'],
    category: 'video',
    taskType: 'videoInference',
    makes: 'video',
    weight: 80,
    prices: [{ configuration: '5 s', price: 0.7 }],
    properties: { positivePrompt: text, duration: { type: 'integer', enum: [5, 10] } },
    required: ['positivePrompt'],
  },
  {
    air: 'anthropic:claude@opus-4.8',
    slug: 'claude-opus-4-8',
    name: 'Claude Opus 4.8',
    creator: 'Anthropic',
    capabilities: ['io:text-to-text'],
    category: 'text',
    taskType: 'textInference',
    makes: 'text',
    weight: 70,
    prices: [],
    properties: { messages: { type: 'array', items: { type: 'object', properties: { content: text } } } },
    required: ['messages'],
  },
];

export function findRunwareModel(id: string): RunwareModel | undefined {
  return runwareModels.find(({ air, slug }) => air === id || slug === id);
}

/** Draft 2019-09, with what is the platform's own among the fields. */
export function requestSchemaOf({ air, taskType, properties, required }: RunwareModel): object {
  return {
    $schema: 'https://json-schema.org/draft/2019-09/schema',
    type: 'object',
    properties: {
      taskType: { const: taskType },
      taskUUID: { $ref: '#/$defs/uuid' },
      model: { const: air },
      deliveryMethod: { type: 'string', enum: ['sync', 'async'] },
      webhookURL: { type: 'string', format: 'uri' },
      includeCost: { type: 'boolean' },
      ...properties,
    },
    required: ['taskType', 'taskUUID', 'model', ...required],
    unevaluatedProperties: false,
    $defs: { uuid: { type: 'string', format: 'uuid' } },
  };
}
