import type { JsonObject } from '@inferry/contracts';
import type { ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, type FieldSpec, type Form, schemaOfFields } from '../schema/index.ts';
import type { ModelKind } from './model-kinds.ts';

interface KindFacts {
  summary: string;
  inputs: Form[];
  output: Form;
  known: string[];
  fields: FieldSpec[];
  result: JsonObject;
}

const prompt = (description: string): FieldSpec => ({
  name: 'prompt',
  type: 'string',
  description,
  isRequired: true,
});
const file = (medium: string, description: string): JsonObject => ({
  type: 'string',
  format: 'uri',
  'x-inferry-file': medium,
  description,
});

/** What each kind of model takes and gives (OpenAI's API reference); compatible servers know part of it. */
const kinds: Readonly<Record<Exclude<ModelKind, 'none'>, KindFacts>> = {
  chat: {
    summary: 'Answers a prompt or a conversation with text.',
    inputs: ['text'],
    output: 'text',
    known: ['op:chat'],
    fields: [
      { name: 'prompt', type: 'string', description: 'The question; or give messages' },
      { name: 'system', type: 'string', description: 'Instructions that hold for the whole conversation' },
      { name: 'messages', type: 'array', description: 'The conversation: objects with role and content' },
      {
        name: 'images',
        type: 'string',
        file: 'image',
        isList: true,
        description: 'Pictures that belong to the prompt',
      },
      { name: 'max_tokens', type: 'integer', minimum: 1, description: 'Longest answer, in tokens' },
      { name: 'temperature', type: 'number', minimum: 0, maximum: 2 },
      { name: 'top_p', type: 'number', minimum: 0, maximum: 1 },
      { name: 'seed', type: 'integer' },
      { name: 'stop', type: 'string', isList: true, maxItems: 4, description: 'Texts that end the answer' },
      { name: 'json', type: 'boolean', description: 'Answer with a JSON object' },
    ],
    result: { type: 'object', properties: { text: { type: 'string' } } },
  },
  image: {
    summary: 'Makes pictures from a prompt, or edits the pictures that it is given.',
    inputs: ['text'],
    output: 'image',
    known: ['io:text-to-image', 'io:image-to-image', 'op:edit'],
    fields: [
      prompt('What to make, or what to change'),
      {
        name: 'image',
        type: 'string',
        file: 'image',
        isList: true,
        maxItems: 16,
        description: 'Pictures to edit',
      },
      { name: 'mask', type: 'string', file: 'image', description: 'Where to edit: the transparent part' },
      { name: 'n', type: 'integer', minimum: 1, maximum: 10, description: 'How many' },
      { name: 'size', type: 'string', description: 'E.g. 1024x1024, 1536x1024, 1024x1536, auto' },
      { name: 'quality', type: 'string', description: 'low, medium, high or auto; standard or hd' },
      { name: 'background', type: 'string', choices: ['transparent', 'opaque', 'auto'] },
      { name: 'output_format', type: 'string', choices: ['png', 'jpeg', 'webp'] },
      { name: 'output_compression', type: 'integer', minimum: 0, maximum: 100 },
      { name: 'moderation', type: 'string', choices: ['low', 'auto'] },
      { name: 'style', type: 'string', choices: ['vivid', 'natural'] },
      { name: 'response_format', type: 'string', choices: ['url', 'b64_json'] },
      {
        name: 'partial_images',
        type: 'integer',
        minimum: 0,
        maximum: 3,
        description: 'Previews while it works',
      },
    ],
    result: { type: 'object', properties: { images: { type: 'array', items: file('image', 'A picture') } } },
  },
  speech: {
    summary: 'Reads a text aloud.',
    inputs: ['text'],
    output: 'audio',
    known: ['op:text-to-speech'],
    fields: [
      { name: 'input', type: 'string', description: 'What to say', isRequired: true, maxLength: 4_096 },
      {
        name: 'voice',
        type: 'string',
        default: 'alloy',
        description: 'E.g. alloy, ash, coral, echo, nova, sage',
      },
      { name: 'instructions', type: 'string', description: 'How to say it' },
      {
        name: 'response_format',
        type: 'string',
        choices: ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm'],
        default: 'mp3',
      },
      { name: 'speed', type: 'number', minimum: 0.25, maximum: 4 },
    ],
    result: { type: 'object', properties: { audio: file('audio', 'The speech') } },
  },
  transcription: {
    summary: 'Writes down what is said in a recording.',
    inputs: ['audio'],
    output: 'text',
    known: ['op:transcribe'],
    fields: [
      { name: 'file', type: 'string', file: 'audio', description: 'The recording', isRequired: true },
      { name: 'language', type: 'string', description: 'ISO 639-1' },
      { name: 'prompt', type: 'string', description: 'Words that occur in it' },
      { name: 'response_format', type: 'string', choices: ['json', 'text', 'srt', 'vtt'] },
      { name: 'temperature', type: 'number', minimum: 0, maximum: 1 },
    ],
    result: { type: 'object', properties: { text: { type: 'string' } } },
  },
  embedding: {
    summary: 'Turns texts into vectors.',
    inputs: ['text'],
    output: 'embedding',
    known: ['op:embed'],
    fields: [
      {
        name: 'input',
        type: 'string',
        isList: true,
        maxItems: 256,
        description: 'The texts',
        isRequired: true,
      },
      { name: 'dimensions', type: 'integer', minimum: 1 },
    ],
    result: { type: 'object', properties: { embeddings: { type: 'array' } } },
  },
  video: {
    summary: 'Makes a film from a prompt, and from a first picture if there is one.',
    inputs: ['text'],
    output: 'video',
    known: ['io:text-to-video', 'io:image-to-video'],
    fields: [
      prompt('What happens'),
      { name: 'seconds', type: 'string', choices: ['4', '8', '12'] },
      { name: 'size', type: 'string', description: 'E.g. 720x1280, 1280x720' },
      { name: 'input_reference', type: 'string', file: 'image', description: 'A picture to begin with' },
    ],
    result: { type: 'object', properties: { video: file('video', 'The film') } },
  },
};

/** Chat models that are known to look at pictures; a server says of a model no more than its name. */
const seeing =
  /gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-5|(^|\/)o[134](-|$)|vision|[-_.\d]vl\b|-vl-|llava|pixtral|gemini|gemma-?3|claude|llama-?4|minicpm-v|moondream|internvl|molmo/i;

/** The catalog entry of a model that is known by its name only. */
export function toModel(
  id: string,
  { kind, owner, isFree }: { kind: Exclude<ModelKind, 'none'>; owner: string; isFree: boolean },
): ProviderModel {
  const { summary, inputs, output, known, fields, result } = kinds[kind];
  const sees = kind === 'chat' && seeing.test(id) ? ['io:image-to-text', 'op:caption'] : [];
  const capabilities = capabilitiesOf({ text: '', inputs, output, known: [...known, ...sees] });
  const inputSchema = schemaOfFields(fields);
  return {
    nativeId: id,
    title: id,
    summary,
    kind: 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: id.includes('/') ? (id.split('/')[0] ?? owner) : owner,
    tags: [kind],
    isFeatured: false,
    isLive: true,
    weight: 0,
    inputSchema,
    outputSchema: result,
    price: isFree
      ? { text: 'free (your own server)', currency: 'USD', basis: 'per_request', amount: 0 }
      : { text: 'see the platform', currency: 'USD', basis: 'unknown' },
    examples: [],
    readme: `# ${id}\n\n${summary} What this server says of the model is its name alone: the inputs are those of OpenAI's API, and a model may know only part of them.\n`,
  };
}
