const live = (providerId: string, task: string) => ({ status: 'live', providerId, task });

/** What the emulated hub lists: a model for each route. */
export const hubModels = [
  {
    id: 'black-forest-labs/FLUX.1-dev',
    pipeline_tag: 'text-to-image',
    likes: 12_000,
    inferenceProviderMapping: {
      'fal-ai': live('fal-ai/flux/dev', 'text-to-image'),
      replicate: live('black-forest-labs/flux-dev', 'text-to-image'),
      wavespeed: live('wavespeed-ai/flux-dev', 'text-to-image'),
      together: live('black-forest-labs/FLUX.1-dev', 'text-to-image'),
      'hf-inference': live('black-forest-labs/FLUX.1-dev', 'text-to-image'),
      somewhere: live('flux', 'text-to-image'),
    },
  },
  {
    id: 'Wan-AI/Wan2.2-T2V-A14B',
    pipeline_tag: 'text-to-video',
    likes: 900,
    inferenceProviderMapping: [
      { provider: 'fal-ai', status: 'staging', providerId: 'fal-ai/wan/v2', task: 'text-to-video' },
      { provider: 'wavespeed', status: 'live', providerId: 'wavespeed-ai/wan-2.2', task: 'text-to-video' },
    ],
  },
  {
    id: 'meta-llama/Llama-3.1-8B-Instruct',
    pipeline_tag: 'text-generation',
    likes: 5_000,
    inferenceProviderMapping: { groq: live('llama-3.1-8b-instant', 'conversational') },
  },
  {
    id: 'intfloat/multilingual-e5-large',
    pipeline_tag: 'feature-extraction',
    likes: 1_000,
    inferenceProviderMapping: {
      'hf-inference': live('intfloat/multilingual-e5-large', 'feature-extraction'),
    },
  },
  {
    id: 'nobody/serves-this',
    pipeline_tag: 'text-to-image',
    likes: 1,
    inferenceProviderMapping: {},
  },
];
