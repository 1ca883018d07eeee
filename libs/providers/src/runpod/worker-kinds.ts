import type { JsonObject } from '@inferry/contracts';
import { type FieldSpec, type Form, schemaOfFields } from '../schema/index.ts';

export interface WorkerKind {
  summary: string;
  /** What an agent should know of its inputs. */
  notes: string;
  inputSchema: JsonObject;
  output: Form | undefined;
  known: string[];
}

interface KnownWorker extends Pick<WorkerKind, 'summary' | 'notes' | 'output' | 'known'> {
  image: RegExp;
  fields: FieldSpec[];
}

const object = (name: string, description: string, isRequired = false): FieldSpec => ({
  name,
  type: 'object',
  description,
  isRequired,
});
const text = (name: string, description: string, isRequired = false): FieldSpec => ({
  name,
  type: 'string',
  description,
  isRequired,
});

/** The platform's own workers, recognised by the name of their image; inputs after their README files. */
const knownWorkers: readonly KnownWorker[] = [
  {
    image: /worker-(v1-)?vllm|vllm/i,
    summary: 'A language model of your own (vLLM).',
    notes: 'It runs vLLM: give prompt or messages; stream: true shows the answer as it is written.',
    output: 'text',
    known: ['op:chat'],
    fields: [
      text('prompt', 'The question; or give messages'),
      { name: 'messages', type: 'array', description: 'The conversation: objects with role and content' },
      object('sampling_params', 'max_tokens, temperature, top_p, top_k, seed, stop'),
      { name: 'stream', type: 'boolean', description: 'Show the answer as it is written' },
      {
        name: 'apply_chat_template',
        type: 'boolean',
        description: 'Use the chat template of the model for prompt',
      },
    ],
  },
  {
    image: /worker-comfyui/i,
    summary: 'ComfyUI workflows on an endpoint of your own.',
    notes: 'It runs ComfyUI: workflow is a workflow in API format (Export (API)); pictures go in as images.',
    output: 'image',
    known: ['form:workflow'],
    fields: [
      object('workflow', 'A ComfyUI workflow in API format', true),
      { name: 'images', type: 'array', description: 'Pictures: objects with name and image (base64)' },
    ],
  },
  {
    image: /faster-whisper|worker-whisper/i,
    summary: 'Writes down what is said in a recording, on an endpoint of your own.',
    notes: 'It runs Whisper.',
    output: 'text',
    known: ['op:transcribe'],
    fields: [
      { name: 'audio', type: 'string', file: 'audio', description: 'The recording', isRequired: true },
      text('model', 'tiny, base, small, medium, large-v3, turbo'),
      text('language', 'ISO 639-1; found out when it is missing'),
      text('transcription', 'plain_text, formatted_text, srt or vtt'),
      { name: 'translate', type: 'boolean', description: 'Translate to English' },
    ],
  },
  {
    image: /worker-sdxl|worker-a1111|stable-?diffusion|worker-flux/i,
    summary: 'Makes pictures on an endpoint of your own.',
    notes: 'It makes pictures from a prompt.',
    output: 'image',
    known: [],
    fields: [
      text('prompt', 'What to make', true),
      text('negative_prompt', 'What to leave out'),
      { name: 'width', type: 'integer' },
      { name: 'height', type: 'integer' },
      { name: 'num_inference_steps', type: 'integer' },
      { name: 'guidance_scale', type: 'number' },
      { name: 'seed', type: 'integer' },
    ],
  },
  {
    image: /infinity-embedding/i,
    summary: 'Turns texts into vectors on an endpoint of your own.',
    notes: 'It runs Infinity: model is one of those that it was deployed with.',
    output: 'embedding',
    known: ['op:embed'],
    fields: [
      text('model', 'A model that the endpoint serves', true),
      { name: 'input', type: 'string', isList: true, description: 'The texts', isRequired: true },
    ],
  },
];

/** Nobody says what an endpoint takes: known workers are recognised, and everything stays open. */
export function workerKindOf(image: string): WorkerKind {
  const worker = knownWorkers.find((known) => known.image.test(image));
  if (worker === undefined) {
    return {
      summary: 'A serverless endpoint of your own.',
      notes: 'Its author decides what input it takes; anything is passed on as it is.',
      inputSchema: { type: 'object' },
      output: undefined,
      known: [],
    };
  }
  const { summary, notes, output, known, fields } = worker;
  // A worker of one's own may take more.
  const inputSchema = { ...schemaOfFields(fields), additionalProperties: true };
  return { summary, notes, output, known, inputSchema };
}
