/** The emulated models. */
export const replicateModels = [
  {
    owner: 'black-forest-labs',
    name: 'flux-schnell',
    description: 'Makes pictures from text.',
    is_official: true,
    collection: 'text-to-image',
    version: 'c846a69991daf4c0e5d016514849d14ee5b2e6846ce6b9d6f21369e564cfe51e',
    makes: 'image',
    properties: {
      prompt: { type: 'string', title: 'Prompt', 'x-order': 0 },
      num_outputs: { type: 'integer', minimum: 1, maximum: 4, default: 1, 'x-order': 1 },
      image: { type: 'string', format: 'uri', title: 'Image', 'x-order': 2 },
    },
    required: ['prompt'],
  },
  {
    owner: 'meta',
    name: 'llama',
    description: 'A language model for chat.',
    is_official: true,
    collection: 'language-models',
    version: '5c7785637d1d5b8f1b1e3b0f0d1a4f9a1f7b2a1c9d8e7f6a5b4c3d2e1f0a9b8c',
    makes: 'text',
    properties: { prompt: { type: 'string', title: 'Prompt' } },
    required: ['prompt'],
  },
  {
    owner: 'someone',
    name: 'waves',
    description: 'Image to video, by somebody.',
    is_official: false,
    collection: 'image-to-video',
    version: '9b2d3a7c1e5f4a6b8c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b',
    makes: 'video',
    properties: { image: { type: 'string', format: 'uri', title: 'Image' } },
    required: ['image'],
  },
] as const;

export type ReplicateModel = (typeof replicateModels)[number];

export function findReplicateModel(path: string): ReplicateModel | undefined {
  return replicateModels.find(({ owner, name }) => `${owner}/${name}` === path);
}

export function toWire({
  owner,
  name,
  description,
  is_official,
  version,
  makes,
  properties,
  required,
}: ReplicateModel) {
  return {
    url: `https://replicate.com/${owner}/${name}`,
    owner,
    name,
    description,
    visibility: 'public',
    is_official,
    run_count: 12_345,
    github_url: null,
    paper_url: null,
    license_url: null,
    cover_image_url: null,
    default_example: makes === 'text' ? exampleOf(`${owner}/${name}`) : null,
    latest_version: {
      id: version,
      created_at: '2026-01-01T00:00:00Z',
      cog_version: '0.9.0',
      openapi_schema: {
        openapi: '3.0.2',
        info: { title: 'Cog', version: '0.1.0' },
        components: {
          schemas: {
            Input: { type: 'object', title: 'Input', properties, required },
            Output: { type: 'array', items: { type: 'string', format: 'uri' }, title: 'Output' },
          },
        },
      },
    },
  };
}

function exampleOf(model: string) {
  const at = 'https://api.replicate.com/v1/predictions/aaaaaaaaaaaaaaaaaaaaaaaaaa';
  const time = '2026-01-01T00:00:00.000Z';
  return {
    id: 'aaaaaaaaaaaaaaaaaaaaaaaaaa',
    model,
    version: 'hidden',
    status: 'succeeded',
    input: { prompt: 'x' },
    output: ['Once'],
    error: null,
    logs: '',
    metrics: { predict_time: 0.4 },
    data_removed: false,
    source: 'web',
    created_at: time,
    started_at: time,
    completed_at: time,
    urls: { get: at, cancel: `${at}/cancel` },
  };
}
