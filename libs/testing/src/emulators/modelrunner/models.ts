/** The emulated models, by owner and alias. */
export const modelrunnerModels = [
  {
    owner: 'bytedance',
    alias: 'sdxl-lightning-4step',
    name: 'SDXL Lightning',
    description: 'Makes pictures in four steps.',
    category: 'image',
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
    owner: 'kling',
    alias: 'v2/image-to-video',
    name: 'Kling',
    description: 'Sets a picture in motion.',
    category: 'video',
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
    owner: 'meta',
    alias: 'llama',
    name: 'Llama',
    description: 'Writes text.',
    category: 'text',
    inputModalities: ['text'],
    outputModalities: ['text'],
    capabilities: ['chat'],
    featured: false,
    makes: 'text',
    fields: { prompt: { type: 'string' } },
    required: ['prompt'],
  },
] as const;

export type ModelRunnerModel = (typeof modelrunnerModels)[number];

export function findModelRunnerModel(path: string): ModelRunnerModel | undefined {
  return modelrunnerModels.find(({ owner, alias }) => `${owner}/${alias}` === path);
}

export function openApiOf({ owner, alias, name, fields, required }: ModelRunnerModel): object {
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
