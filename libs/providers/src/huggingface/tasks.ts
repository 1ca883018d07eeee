import { createHash } from 'node:crypto';
import type { ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, type FieldSpec, type Form, schemaOfFields } from '../schema/index.ts';
import type { HubModel } from './wire.ts';

/** A task of the hub, in our words. */
interface TaskFacts {
  summary: string;
  inputs: Form[];
  output: Form;
  known: string[];
  fields: FieldSpec[];
}

const size: FieldSpec[] = [
  { name: 'width', type: 'integer', minimum: 64, maximum: 4_096 },
  { name: 'height', type: 'integer', minimum: 64, maximum: 4_096 },
];
const diffusion: FieldSpec[] = [
  { name: 'negative_prompt', type: 'string', description: 'What to leave out' },
  { name: 'num_inference_steps', type: 'integer', minimum: 1, maximum: 150 },
  { name: 'guidance_scale', type: 'number', minimum: 0, maximum: 50 },
  { name: 'seed', type: 'integer' },
];
const prompt = (description: string): FieldSpec => ({
  name: 'prompt',
  type: 'string',
  description,
  isRequired: true,
});

/** The tasks that are offered, with the inputs that `@huggingface/tasks` gives them. */
export const tasks = {
  'text-to-image': {
    summary: 'Makes a picture from a prompt.',
    inputs: ['text'],
    output: 'image',
    known: [],
    fields: [prompt('What to make'), ...size, ...diffusion],
  },
  'image-to-image': {
    summary: 'Changes a picture as a prompt says.',
    inputs: ['image'],
    output: 'image',
    known: ['op:edit'],
    fields: [
      { name: 'image', type: 'string', file: 'image', description: 'The picture', isRequired: true },
      { name: 'prompt', type: 'string', description: 'What to change' },
      ...diffusion,
    ],
  },
  'text-to-video': {
    summary: 'Makes a film from a prompt.',
    inputs: ['text'],
    output: 'video',
    known: [],
    fields: [
      prompt('What happens'),
      { name: 'num_frames', type: 'integer', minimum: 1, maximum: 1_000 },
      ...diffusion,
    ],
  },
  'text-to-speech': {
    summary: 'Reads a text aloud.',
    inputs: ['text'],
    output: 'audio',
    known: ['op:text-to-speech'],
    fields: [
      { name: 'text', type: 'string', description: 'What to say', isRequired: true, maxLength: 10_000 },
    ],
  },
  conversational: {
    summary: 'Answers a prompt or a conversation with text.',
    inputs: ['text'],
    output: 'text',
    known: ['op:chat'],
    fields: [
      { name: 'prompt', type: 'string', description: 'The question; or give messages' },
      { name: 'system', type: 'string', description: 'Instructions that hold for the whole conversation' },
      { name: 'messages', type: 'array', description: 'The conversation: objects with role and content' },
      { name: 'max_tokens', type: 'integer', minimum: 1 },
      { name: 'temperature', type: 'number', minimum: 0, maximum: 2 },
      { name: 'top_p', type: 'number', minimum: 0, maximum: 1 },
      { name: 'seed', type: 'integer' },
    ],
  },
  'feature-extraction': {
    summary: 'Turns a text into a vector.',
    inputs: ['text'],
    output: 'embedding',
    known: ['op:embed'],
    fields: [{ name: 'text', type: 'string', description: 'The text', isRequired: true, maxLength: 50_000 }],
  },
} as const satisfies Record<string, TaskFacts>;

export type Task = keyof typeof tasks;

/** The hub's own name of a task: chat models are listed as text generation. */
export const pipelineTags: Readonly<Record<Task, string>> = {
  'text-to-image': 'text-to-image',
  'image-to-image': 'image-to-image',
  'text-to-video': 'text-to-video',
  'text-to-speech': 'text-to-speech',
  conversational: 'text-generation',
  'feature-extraction': 'feature-extraction',
};

export function isTask(value: string): value is Task {
  return Object.hasOwn(tasks, value);
}

export function toModel({ id, likes }: HubModel, task: Task, servers: readonly string[]): ProviderModel {
  const { summary, inputs, output, known, fields } = tasks[task];
  const capabilities = capabilitiesOf({ text: id, inputs, output, known });
  const isFile = output !== 'text' && output !== 'embedding';
  return {
    nativeId: id,
    title: id.split('/').at(-1) ?? id,
    summary,
    kind: 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: id.split('/')[0] ?? id,
    tags: [task, ...servers],
    isFeatured: false,
    isLive: true,
    weight: Math.min(likes ?? 0, 100_000),
    inputSchema: schemaOfFields(fields),
    outputSchema: {
      type: 'object',
      properties: isFile ? { output: { type: 'string', format: 'uri', 'x-inferry-file': output } } : {},
    },
    price: { text: 'see the platform', currency: 'USD', basis: 'unknown' },
    examples: [],
    readme: `# ${id}\n\n${summary} Served by ${servers.join(', ')}; \`options.provider\` chooses one. See https://huggingface.co/${id}.\n`,
  };
}

export function etagOf(models: readonly ProviderModel[]): string {
  return createHash('sha256').update(JSON.stringify(models)).digest('base64url');
}
