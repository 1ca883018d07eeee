/** The emulated solutions and models. */
export const runflowModels = [
  {
    provider_slug: 'runflow',
    model_slug: 'object-removal/prompt',
    model_name: 'Object removal by prompt',
    description: 'Takes an object out of a picture.',
    category_code: 'image_to_image',
    price_label: '$0.35/request',
    availability_status: 'available',
    inputs: [
      { name: 'image_url', variable_type_code: 'image', is_required: true, default_value: null },
      {
        name: 'prompt',
        variable_type_code: 'text',
        validator_code: 'length',
        validator_attrs: { max_length: 500 },
        is_required: true,
        default_value: null,
      },
    ],
    outputs: [{ name: 'image', variable_type_code: 'image' }],
    makes: 'image',
  },
  {
    provider_slug: 'alibaba',
    model_slug: 'wan/v2.7/text-to-video',
    model_name: 'Wan 2.7',
    description: 'Makes a video from text.',
    category_code: 'text_to_video',
    price_label: '$0.14/second',
    availability_status: 'available',
    inputs: [
      { name: 'prompt', variable_type_code: 'text', is_required: true, default_value: null },
      {
        name: 'duration',
        variable_type_code: 'integer',
        validator_code: 'range',
        validator_attrs: { min: 1, max: 10 },
        is_required: false,
        default_value: 5,
      },
      {
        name: 'resolution',
        variable_type_code: 'enum',
        validator_code: 'choice',
        validator_attrs: { choices: ['720p', '1080p'] },
        is_required: false,
        default_value: '720p',
      },
    ],
    outputs: [{ name: 'video', variable_type_code: 'video' }],
    makes: 'video',
  },
  {
    provider_slug: 'flux',
    model_slug: 'schnell',
    model_name: 'FLUX schnell',
    description: 'Makes pictures from text.',
    category_code: 'text_to_image',
    price_label: '$0.02/image',
    availability_status: 'available',
    inputs: [{ name: 'prompt', variable_type_code: 'text', is_required: true, default_value: null }],
    outputs: [{ name: 'images', variable_type_code: 'images' }],
    makes: 'image',
  },
] as const;

export type RunflowModel = (typeof runflowModels)[number];

export function findRunflowModel(path: string): RunflowModel | undefined {
  return runflowModels.find(({ provider_slug, model_slug }) => `${provider_slug}/${model_slug}` === path);
}
