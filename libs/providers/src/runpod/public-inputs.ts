import type { JsonObject } from '@inferry/contracts';
import { type FieldSpec, type Medium, mediumOf, schemaOfFields } from '../schema/index.ts';
import { publicInputs } from './public-inputs-table.ts';

/** The schema of a public endpoint, where its documentation lists inputs. The platform itself has none to give. */
export function publicInputSchema(id: string): JsonObject | undefined {
  const fields = publicInputs[id];
  return fields === undefined
    ? undefined
    : schemaOfFields(fields.split('|').map((field) => parseField(field.trim())));
}

/** The ids of the endpoints that are documented. */
export const documentedEndpoints = (): string[] => Object.keys(publicInputs);

const fileFields = /^(image|last_image|images|video|audio|voice_url)$/;

/** `name!:type=default (notes)`; `!` for required. */
export function parseField(text: string): FieldSpec {
  const match = /^(\w+)(!?):(string|number|integer|boolean|array|object)(?:=(\S*))?(?: \((.+)\))?$/.exec(
    text,
  );
  if (match === null) throw new Error(`"${text}" describes no field`);
  const [, name = '', required, type = 'string', preset, notes] = match;
  const file: Medium | undefined = fileFields.test(name) ? (mediumOf(name) ?? 'file') : undefined;
  const isList = type === 'array' && file !== undefined;
  return {
    name,
    // as: the expression lists exactly the types.
    type: (isList ? 'string' : type) as FieldSpec['type'],
    isRequired: required === '!',
    ...(file !== undefined && { file }),
    ...(isList && { isList }),
    ...(preset !== undefined && { default: toValue(preset, type) }),
    description: [meanings[name], notes].filter((part) => part !== undefined).join('; ') || undefined,
  };
}

function toValue(text: string, type: string): unknown {
  if (type === 'boolean') return text === 'true';
  return type === 'string' ? text : Number(text);
}

const meanings: Readonly<Record<string, string>> = {
  prompt: 'What to make or say',
  negative_prompt: 'What to leave out',
  seed: 'The same seed gives the same result; -1 is random',
  size: 'Width*height, or a class such as 720p',
  duration: 'Seconds',
  guidance: 'How closely to follow the prompt',
  guidance_scale: 'How closely to follow the prompt',
  num_inference_steps: 'More steps, more detail, more time',
  messages: 'The conversation: objects with role and content',
  sampling_params: 'max_tokens, temperature, seed, top_k, top_p',
  stop: 'Text that ends the answer',
  loras: 'Objects with path (a link) and scale',
  high_noise_loras: 'Objects with path (a link) and scale',
  low_noise_loras: 'Objects with path (a link) and scale',
  voice_url: 'A recording of the voice to speak with; goes before voice',
  last_image: 'The picture to end with',
  draft: 'A cheaper preview',
};
