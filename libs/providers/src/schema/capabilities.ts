import { isObject, type JsonObject } from '@inferry/contracts';
import type { Medium } from './media.ts';

/** What a model takes or gives besides files. */
export type Form = Medium | 'text' | 'embedding';

export interface CapabilityFacts {
  /** Its id, title, description, tags: whatever the platform says of it in words. */
  text: string;
  /** Portable schemas; file fields and outputs are read from them. */
  inputSchema?: JsonObject | undefined;
  /** What it gives, where the platform says so. */
  output?: Form | undefined;
  /** What it takes, where the platform says so. */
  inputs?: readonly Form[] | undefined;
  /** Capabilities that the platform names in our words already. */
  known?: readonly string[] | undefined;
}

const operations: readonly [string, RegExp][] = [
  ['op:upscale', /upscal|super[- ]?resolution|enhanc(e|er)\b|esrgan/],
  [
    'op:remove-background',
    /(remove|removal|erase).{0,12}background|background.{0,12}(remov|eras)|\brembg\b|matting/,
  ],
  ['op:inpaint', /inpaint|object[- ]?removal|\bfill\b.{0,10}(mask|image)/],
  ['op:outpaint', /outpaint|uncrop|expand.{0,8}image/],
  ['op:edit', /\b(image|video|photo)?[- ]?edit(ing|or)?\b|kontext|instruct-?pix/],
  ['op:face-swap', /face[- ]?swap/],
  ['op:lip-sync', /lip[- ]?sync|talking[- ]?head|wav2lip/],
  ['op:try-on', /try[- ]?on/],
  ['op:text-to-speech', /text[- ]?to[- ]?speech|\btts\b|voice[- ]?over|speech synthesis/],
  ['op:transcribe', /transcri|speech[- ]?to[- ]?text|\bstt\b|\basr\b|whisper/],
  ['op:clone-voice', /voice[- ]?clon/],
  ['op:music', /\bmusic\b|\bsong\b/],
  ['op:caption', /caption|image[- ]?to[- ]?text|describe.{0,10}image/],
  ['op:ocr', /\bocr\b|optical character/],
  ['op:detect-objects', /object[- ]?detect|\byolo\b/],
  ['op:segment', /segment|\bsam-?2?\b/],
  ['op:depth', /depth[- ]?(map|estimation|anything)|\bmidas\b/],
  ['op:chat', /\bchat\b|instruct\b|assistant|\bllm\b|conversation/],
  ['op:embed', /embed/],
  ['op:summarize', /summar/],
  ['op:translate', /translat/],
  ['op:train', /\btrain(ing|er)?\b|fine[- ]?tun|dreambooth/],
  ['op:denoise', /denois|noise[- ]?(removal|reduction|suppress)/],
  ['op:interpolate', /frame[- ]?interpolat/],
  ['op:colorize', /coloriz|colouris/],
  ['op:vectorize', /vectori[sz]/],
];

const forms: readonly [string, RegExp][] = [
  ['form:lora', /\blora\b/],
  ['form:controlnet', /control[- ]?net/],
  ['form:workflow', /\bworkflow\b|comfyui/],
  ['form:avatar', /\bavatar\b/],
];

/**
 * The capability ids of a model: `io:*` from what goes in and comes out, `op:*` and `form:*` from its words. Rules for
 * platforms that say nothing of the kind; what they do say (`known`) comes first.
 */
export function capabilitiesOf(facts: CapabilityFacts): string[] {
  const words = facts.text.toLowerCase().replaceAll('_', ' ');
  const inputs = facts.inputs ?? fileMediaOf(facts.inputSchema);
  const taskWords = readTask(words);
  const output = facts.output ?? taskWords?.output;
  const from = primary(inputs.length > 0 ? inputs : taskWords === undefined ? [] : [taskWords.input]);
  const io = output === undefined ? [] : [`io:${from}-to-${output}`];
  // A picture that may come along does not take away that the model makes one from text alone.
  const optional =
    from !== 'text' && output !== undefined && isTextEnough(facts) ? [`io:text-to-${output}`] : [];
  const named = [...operations, ...forms].filter(([, word]) => word.test(words)).map(([id]) => id);
  return [...new Set([...(facts.known ?? []), ...optional, ...io, ...named])];
}

/** The category that search shows first, and the task: `['image', 'text-to-image']`. */
export function categoriesOf(capabilities: readonly string[]): string[] {
  const tasks = capabilities.filter((id) => id.startsWith('io:')).map((id) => id.slice(3));
  const media = tasks.map((task) => task.split('-to-').at(-1) ?? 'other');
  return media.length === 0 ? ['other'] : [...new Set([...media, ...tasks])];
}

function readTask(words: string): { input: Form; output: Form } | undefined {
  const match = /\b(text|image|video|audio)s?[- ]to[- ](text|image|video|audio|3d|speech|music)\b/.exec(
    words,
  );
  if (match === null) return undefined;
  const [, input, output] = match;
  const sound = output === 'speech' || output === 'music' ? 'audio' : output;
  // as: the expression lists exactly these forms.
  return { input: input as Form, output: sound as Form };
}

/** Media of the file fields of a schema, at the top and one level below. */
export function fileMediaOf(schema: JsonObject | undefined): Form[] {
  if (schema === undefined || !isObject(schema.properties)) return [];
  const found = Object.values(schema.properties)
    .filter(isObject)
    .flatMap((property) => [property, isObject(property.items) ? property.items : {}])
    .map((property) => property['x-inferry-file']);
  // as: the mark holds a medium, see `normaliseSchema`.
  return [...new Set(found.filter((medium) => typeof medium === 'string'))] as Form[];
}

function primary(inputs: readonly Form[]): Form {
  const order: Form[] = ['video', 'image', 'audio', '3d', 'file'];
  return order.find((form) => inputs.includes(form)) ?? 'text';
}

function isTextEnough({ inputSchema, inputs }: CapabilityFacts): boolean {
  if (inputs !== undefined || inputSchema === undefined || !isObject(inputSchema.properties)) return false;
  const { properties } = inputSchema;
  const required = Array.isArray(inputSchema.required) ? inputSchema.required.map(String) : [];
  const isFile = (name: string) => fileMediaOf({ properties: { [name]: properties[name] } }).length > 0;
  return Object.hasOwn(properties, 'prompt') && !required.some(isFile);
}
