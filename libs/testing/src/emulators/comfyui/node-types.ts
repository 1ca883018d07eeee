const link = (name: string) => [name] as const;

/** What `/object_info` says of the nodes that the emulated server has. */
export const comfyNodes: Readonly<Record<string, Record<string, unknown>>> = {
  CheckpointLoaderSimple: node({ ckpt_name: [['sd_xl_base_1.0.safetensors', 'flux1-dev.safetensors'], {}] }),
  CLIPTextEncode: node({
    text: ['STRING', { multiline: true, tooltip: 'The text to be encoded.' }],
    clip: link('CLIP'),
  }),
  EmptyLatentImage: node({
    width: ['INT', { default: 512, min: 16, max: 16_384, step: 8 }],
    height: ['INT', { default: 512, min: 16, max: 16_384, step: 8 }],
    batch_size: ['INT', { default: 1, min: 1, max: 4_096 }],
  }),
  KSampler: node({
    model: link('MODEL'),
    seed: ['INT', { default: 0, min: 0, max: 18_446_744_073_709_552_000, control_after_generate: true }],
    steps: ['INT', { default: 20, min: 1, max: 10_000 }],
    cfg: ['FLOAT', { default: 8, min: 0, max: 100, step: 0.1, round: 0.01 }],
    sampler_name: ['COMBO', { options: ['euler', 'dpmpp_2m'] }],
    scheduler: ['COMBO', { options: ['normal', 'karras'] }],
    positive: link('CONDITIONING'),
    negative: link('CONDITIONING'),
    latent_image: link('LATENT'),
    denoise: ['FLOAT', { default: 1, min: 0, max: 1, step: 0.01 }],
  }),
  VAEDecode: node({ samples: link('LATENT'), vae: link('VAE') }),
  SaveImage: node({ images: link('IMAGE'), filename_prefix: ['STRING', { default: 'ComfyUI' }] }, true),
  PreviewImage: node({ images: link('IMAGE') }, true),
  LoadImage: node({ image: [['example.png'], { image_upload: true }] }),
  ImageScaleBy: node({
    image: link('IMAGE'),
    upscale_method: [['nearest-exact', 'lanczos'], {}],
    scale_by: ['FLOAT', { default: 1, min: 0.01, max: 8, step: 0.01 }],
  }),
};

function node(required: Record<string, unknown>, isOutput = false): Record<string, unknown> {
  return {
    input: { required },
    input_order: { required: Object.keys(required) },
    output: [],
    output_is_list: [],
    output_name: [],
    name: '',
    output_node: isOutput,
    python_module: 'nodes',
    display_name: '',
    description: '',
    category: '',
  };
}
