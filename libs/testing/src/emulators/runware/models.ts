/** The emulated models, by AIR: a few of each kind that the platform has, with its way of writing prices. */
export interface RunwareModel {
  air: string;
  slug: string;
  name: string;
  /** An id of `creators`. */
  creator: string;
  capabilities: readonly string[];
  category: string;
  taskType: string;
  makes: 'image' | 'video' | 'audio' | 'text';
  weight: number;
  prices: readonly { configuration: string; price: number }[];
  overview?: string;
  properties: Readonly<Record<string, object>>;
  required: readonly string[];
  examples?: readonly { id: string; title: string; input: Readonly<Record<string, unknown>> }[];
}

const text = { type: 'string', minLength: 2, maxLength: 3_000 };
const side = { type: 'integer', minimum: 128, maximum: 2_048, multipleOf: 64 };
const several = { type: 'integer', minimum: 1, maximum: 20, default: 1 };

export const creators = [
  { id: 'black-forest-labs', name: 'Black Forest Labs' },
  { id: 'klingai', name: 'KlingAI' },
  { id: 'anthropic', name: 'Anthropic' },
  { id: 'xai', name: 'xAI' },
  { id: 'google', name: 'Google' },
];

/** The taxonomy, also of what no emulated model does. */
export const capabilities = [
  { id: 'io:text-to-image', label: 'Text to image' },
  { id: 'io:image-to-image', label: 'Image to image' },
  { id: 'io:text-to-video', label: 'Text to video' },
  { id: 'io:image-to-video', label: 'Image to video' },
  { id: 'io:text-to-text', label: 'Text to text' },
  { id: 'io:text-to-audio', label: 'Text to audio' },
  { id: 'op:upscale', label: 'Upscale' },
  { id: 'op:remove-background', label: 'Remove background' },
  { id: 'form:lora', label: 'LoRA' },
];

export const runwareModels: readonly RunwareModel[] = [
  {
    air: 'runware:100@1',
    slug: 'flux-schnell',
    name: 'FLUX.1 schnell',
    creator: 'black-forest-labs',
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
      width: side,
      height: side,
      numberResults: several,
      seedImage: { type: 'string', title: 'Seed image', format: 'uri' },
    },
    required: ['positivePrompt'],
  },
  {
    air: 'klingai:kling-video@3-4k',
    slug: 'kling-3-4k',
    name: 'Kling 3 4K',
    creator: 'klingai',
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
    creator: 'anthropic',
    capabilities: ['io:text-to-text'],
    category: 'text',
    taskType: 'textInference',
    makes: 'text',
    weight: 70,
    prices: [],
    properties: { messages: { type: 'array', items: { type: 'object', properties: { content: text } } } },
    required: ['messages'],
  },
  xaiImage('xai:grok-imagine@image-quality', 'Quality', { weight: 60, prices: [0.05, 0.07] }),
  xaiImage('xai:grok-imagine@image', 'Standard', { weight: 40, prices: [0.02, 0.02] }),
  {
    air: 'runware:srpo@1',
    slug: 'flux-1-dev-srpo',
    name: 'FLUX.1 Dev SRPO',
    creator: 'black-forest-labs',
    capabilities: ['io:text-to-image'],
    category: 'image',
    taskType: 'imageInference',
    makes: 'image',
    weight: 50,
    prices: [{ configuration: '1024x1024 · 28 steps', price: 0.0038 }],
    properties: {
      positivePrompt: text,
      width: side,
      height: side,
      steps: { type: 'integer', minimum: 1, maximum: 50, default: 28 },
      numberResults: several,
    },
    required: ['positivePrompt', 'width', 'height'],
    examples: [
      exampleOf('portrait', 'Portrait', 'a portrait by a window'),
      exampleOf('street', 'Street', 'a street after rain'),
      exampleOf('orchard', 'Orchard', 'an orchard in April, soft light'),
    ],
  },
  veo('google:3@2', 'Veo 3', { weight: 30, price: 3.2 }),
  veo('google:3@3', 'Veo 3 Fast', { weight: 20, price: 1.2 }),
];

/** Priced by classes of size, `1k` and `2k`. */
function xaiImage(
  air: string,
  tier: string,
  { weight, prices }: { weight: number; prices: readonly number[] },
): RunwareModel {
  return {
    air,
    slug: air.replace(/[:@]/g, '-'),
    name: `Grok Imagine Image ${tier}`,
    creator: 'xai',
    capabilities: ['io:text-to-image', 'io:image-to-image'],
    category: 'image',
    taskType: 'imageInference',
    makes: 'image',
    weight,
    prices: prices.map((price, index) => ({ configuration: `${index + 1}k`, price })),
    overview: prices.map((price, index) => `$${price} at ${index + 1}K`).join(', '),
    properties: {
      positivePrompt: text,
      width: { type: 'integer', minimum: 256, maximum: 4_096 },
      height: { type: 'integer', minimum: 256, maximum: 4_096 },
      numberResults: several,
    },
    required: ['positivePrompt'],
  };
}

/** Priced by length and lines. */
function veo(air: string, name: string, { weight, price }: { weight: number; price: number }): RunwareModel {
  return {
    air,
    slug: air.replace(/[:@]/g, '-'),
    name,
    creator: 'google',
    capabilities: ['io:text-to-video', 'io:image-to-video'],
    category: 'video',
    taskType: 'videoInference',
    makes: 'video',
    weight,
    prices: [
      { configuration: '8s · 720p', price: price / 2 },
      { configuration: '8s · 1080p', price },
    ],
    properties: {
      positivePrompt: text,
      duration: { type: 'integer', enum: [4, 6, 8], default: 8 },
      width: { type: 'integer', enum: [1_280, 1_920] },
      height: { type: 'integer', enum: [720, 1_080] },
    },
    required: ['positivePrompt'],
  };
}

function exampleOf(
  id: string,
  title: string,
  positivePrompt: string,
): {
  id: string;
  title: string;
  input: Record<string, unknown>;
} {
  return { id, title, input: { positivePrompt, width: 1_024, height: 768, steps: 28 } };
}

/** Models of the community, which `modelSearch` finds and no list has. */
export const communityModels = [
  {
    air: 'civitai:133005@782002',
    name: 'Juggernaut XL',
    version: 'X',
    category: 'checkpoint',
    architecture: 'sdxl',
    tags: ['photo', 'xl'],
  },
  {
    air: 'civitai:120096@135931',
    name: 'Pixel Art XL',
    version: 'v1.1',
    category: 'lora',
    architecture: 'sdxl',
    tags: ['pixel art', 'xl'],
  },
];

/** What runs with weights of an architecture; a task of any of its fields. */
export const architectures: Readonly<Record<string, string>> = { sdxl: 'imageInference' };

const sdxlProperties = {
  positivePrompt: text,
  width: side,
  height: side,
  steps: { type: 'integer', minimum: 1, maximum: 100 },
  numberResults: several,
};

export function findRunwareModel(id: string): RunwareModel | undefined {
  return runwareModels.find(({ air, slug }) => air === id || slug === id);
}

/** What an AIR stands for, in the list or not: its weights decide what a task of it may say. */
export function findRunnable(
  air: string,
): Pick<RunwareModel, 'air' | 'taskType' | 'makes' | 'properties' | 'required'> | undefined {
  const listed = runwareModels.find((model) => model.air === air);
  if (listed !== undefined) return listed;
  const known = communityModels.find((model) => model.air === air);
  if (known === undefined) return undefined;
  const taskType = architectures[known.architecture] ?? 'imageInference';
  return { air, taskType, makes: 'image', properties: sdxlProperties, required: ['positivePrompt'] };
}

/** Draft 2019-09, with what is the platform's own among the fields. */
export function requestSchemaOf({ air, taskType, properties, required }: RunwareModel): object {
  return {
    $schema: 'https://json-schema.org/draft/2019-09/schema',
    $id: `https://schemas.runware.ai/models/${air}`,
    type: 'object',
    properties: {
      taskType: { const: taskType },
      taskUUID: { $ref: '#/$defs/uuid' },
      model: { const: air },
      deliveryMethod: { type: 'string', enum: ['sync', 'async'] },
      webhookURL: { type: 'string', format: 'uri' },
      includeCost: { type: 'boolean' },
      outputType: { type: 'string', enum: ['URL', 'base64Data', 'dataURI'], default: 'URL' },
      ttl: { type: 'integer', minimum: 60 },
      uploadEndpoint: { type: 'string', format: 'uri' },
      ...properties,
    },
    required: ['taskType', 'taskUUID', 'model', ...required],
    unevaluatedProperties: false,
    $defs: { uuid: { type: 'string', format: 'uuid' } },
  };
}

/** What the platform charges for one result: the row of its table that the task falls under. */
export function priceOf(air: string, task: Readonly<Record<string, unknown>>): number {
  const { prices = [] } = runwareModels.find((model) => model.air === air) ?? {};
  const [width, height] = [Number(task.width ?? 1_024), Number(task.height ?? 1_024)];
  const row =
    prices.find(({ configuration }) => {
      const [, wide, high] = /^(\d+)x(\d+)/.exec(configuration) ?? [];
      const [, thousands] = /^(\d)k$/.exec(configuration) ?? [];
      const [, lines] = /(\d+)p$/.exec(configuration) ?? [];
      if (wide !== undefined) return width * height <= Number(wide) * Number(high);
      if (thousands !== undefined) return width * height <= (Number(thousands) * 1_024) ** 2 * 1.1;
      return lines === undefined || Math.min(width, height) <= Number(lines);
    }) ?? prices.at(-1);
  return row?.price ?? 0.0013;
}
