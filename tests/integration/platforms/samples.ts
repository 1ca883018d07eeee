/** What each emulated platform is asked for through the whole system. */
export interface PlatformSample {
  model: string;
  input: Record<string, unknown>;
  /** The kind of its output. */
  output: 'image' | 'video' | 'audio' | 'text';
  /** A model that takes a file, the field of it, and what else it needs. */
  file?: { model: string; field: string; input: Record<string, unknown>; isList?: boolean };
  /** Can end in part: another input, or the same. */
  isPartial?: boolean;
}

const prompt = { prompt: 'a lighthouse' };

export const platformSamples: Readonly<Record<string, PlatformSample>> = {
  openai: {
    model: 'openai/sora-2',
    input: prompt,
    output: 'video',
    file: { model: 'openai/gpt-image-1', field: 'image', input: prompt, isList: true },
  },
  huggingface: {
    model: 'huggingface/black-forest-labs/FLUX.1-dev',
    input: { ...prompt, width: 512, height: 512 },
    output: 'image',
  },
  comfyui: {
    model: 'comfyui/text-to-image',
    input: prompt,
    output: 'image',
    file: { model: 'comfyui/enlarge-image', field: 'image', input: {} },
  },
  runpod: {
    model: 'runpod/black-forest-labs-flux-1-dev',
    input: { ...prompt, width: 1024, height: 1024 },
    output: 'image',
  },
  fal: {
    model: 'fal/fal-ai/flux/schnell',
    input: prompt,
    output: 'image',
    file: { model: 'fal/fal-ai/kling-video/v2/master/image-to-video', field: 'image_url', input: prompt },
  },
  modelrunner: {
    model: 'modelrunner/bytedance/sdxl-lightning-4step',
    input: prompt,
    output: 'image',
    isPartial: true,
    file: { model: 'modelrunner/kling/v2/image-to-video', field: 'image', input: prompt },
  },
  runware: {
    model: 'runware/runware:100@1',
    input: { positivePrompt: 'a lighthouse', width: 512, height: 512 },
    output: 'image',
    file: { model: 'runware/runware:100@1', field: 'seedImage', input: { positivePrompt: 'a lighthouse' } },
  },
  runflow: {
    model: 'runflow/flux/schnell',
    input: prompt,
    output: 'image',
    isPartial: true,
    file: { model: 'runflow/runflow/object-removal/prompt', field: 'image_url', input: prompt },
  },
  replicate: {
    model: 'replicate/black-forest-labs/flux-schnell',
    input: prompt,
    output: 'image',
    file: { model: 'replicate/black-forest-labs/flux-schnell', field: 'image', input: prompt },
  },
  bfl: { model: 'bfl/flux-dev', input: prompt, output: 'image' },
  luma: { model: 'luma/ray-2', input: { prompt: 'waves', loop: true }, output: 'video' },
  runway: {
    model: 'runway/gen4_turbo',
    input: { promptImage: 'https://example.com/a.png', ratio: '1280:720' },
    output: 'video',
  },
};
