/** One emulated model: what it makes, by its path. */
export interface FalModel {
  path: string;
  title: string;
  category: string;
  makes: 'image' | 'video' | 'audio' | 'text';
  /** `$unit_price per unit`. */
  price: { unit_price: number; unit: string };
  properties: Readonly<Record<string, object>>;
  required: readonly string[];
}

const prompt = { type: 'string', title: 'Prompt', description: 'What to make.' };

export const falModels: readonly FalModel[] = [
  {
    path: 'fal-ai/flux/schnell',
    title: 'FLUX.1 [schnell]',
    category: 'text-to-image',
    makes: 'image',
    price: { unit_price: 0.003, unit: 'megapixels' },
    properties: {
      prompt,
      num_images: { type: 'integer', minimum: 1, maximum: 4, default: 1 },
      image_size: {
        anyOf: [
          { $ref: '#/components/schemas/ImageSize' },
          { type: 'string', enum: ['square_hd', 'landscape_4_3'] },
        ],
        default: 'landscape_4_3',
      },
      seed: { type: 'integer' },
    },
    required: ['prompt'],
  },
  {
    path: 'fal-ai/kling-video/v2/master/image-to-video',
    title: 'Kling 2.0 Master',
    category: 'image-to-video',
    makes: 'video',
    price: { unit_price: 0.28, unit: 'seconds' },
    properties: {
      prompt,
      image_url: { type: 'string', title: 'Image Url', _fal_ui_field: 'image' },
      duration: { type: 'string', enum: ['5', '10'], default: '5' },
    },
    required: ['prompt', 'image_url'],
  },
  {
    path: 'fal-ai/dia-tts',
    title: 'Dia',
    category: 'text-to-speech',
    makes: 'audio',
    price: { unit_price: 0.04, unit: '1000 characters' },
    properties: { text: { type: 'string', title: 'Text' } },
    required: ['text'],
  },
  {
    path: 'fal-ai/any-llm',
    title: 'Any LLM',
    category: 'llm',
    makes: 'text',
    price: { unit_price: 0.001, unit: 'requests' },
    properties: { prompt },
    required: ['prompt'],
  },
];

export function findFalModel(path: string): FalModel | undefined {
  return falModels.find((model) => model.path === path);
}

/** The OpenAPI 3.0 document of a model's queue. */
export function openApiOf({ path, title, properties, required }: FalModel): object {
  const schema = (name: string) => ({
    'application/json': { schema: { $ref: `#/components/schemas/${name}` } },
  });
  return {
    openapi: '3.0.4',
    info: { title, version: '1.0.0' },
    paths: {
      [`/${path}`]: {
        post: { requestBody: { required: true, content: schema('Input') }, responses: {} },
      },
      [`/${path}/requests/{request_id}`]: {
        get: { responses: { 200: { description: 'Result', content: schema('Output') } } },
      },
    },
    components: {
      schemas: {
        Input: { type: 'object', title: 'Input', properties, required },
        Output: { type: 'object', title: 'Output', properties: { seed: { type: 'integer' } } },
        ImageSize: {
          type: 'object',
          properties: { width: { type: 'integer' }, height: { type: 'integer' } },
        },
      },
    },
  };
}
