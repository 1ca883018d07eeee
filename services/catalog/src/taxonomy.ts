import type { ProviderModel } from '@inferry/providers';
import { capabilitiesOf as guess } from '@inferry/providers/schema';

const outputs: Readonly<Record<string, NonNullable<Parameters<typeof guess>[0]['output']>>> = {
  text: 'text',
  image: 'image',
  video: 'video',
  audio: 'audio',
  '3d': '3d',
  embedding: 'embedding',
};

/**
 * The capabilities of a model, at least one each of `io:*` (what goes in and comes out), `op:*` (what it does) and
 * `form:*` (what it is): the provider's own words where there are some, by rule otherwise.
 */
export function capabilitiesOf(model: ProviderModel): string[] {
  const given = model.capabilities.map((capability) => capability.toLowerCase());
  const has = (kind: string) => given.some((capability) => capability.startsWith(kind));
  const guessed = has('io:') && has('op:') ? [] : guessedOf(model);
  const lacking = ['io:', 'op:', 'form:'].filter((kind) => !has(kind));
  const added = guessed.filter((capability) => lacking.some((kind) => capability.startsWith(kind)));
  return withDefaults(model, [...new Set([...given, ...added])]);
}

function withDefaults(model: ProviderModel, capabilities: readonly string[]): string[] {
  const lacks = (kind: string) => !capabilities.some((capability) => capability.startsWith(kind));
  const io = lacks('io:') ? [`io:text-to-${mediumOf(model) ?? 'text'}`] : [];
  const op = lacks('op:') ? [operationOf([...capabilities, ...io])] : [];
  const form = lacks('form:') ? [`form:${model.kind}`] : [];
  return [...capabilities, ...io, ...op, ...form];
}

function guessedOf(model: ProviderModel): string[] {
  const { nativeId, title, categories, tags, inputSchema } = model;
  const text = [...categories, ...tags, nativeId, title].join(' ').replace(/[/.:]+/g, ' ');
  // A task among the categories says more than a medium.
  const isTask = categories.some((category) => category.includes('-to-'));
  return guess({ text, inputSchema, output: isTask ? undefined : mediumOf(model) });
}

function mediumOf({ categories }: ProviderModel): (typeof outputs)[string] | undefined {
  const category = categories.find((word) => Object.hasOwn(outputs, word.toLowerCase()));
  return category === undefined ? undefined : outputs[category.toLowerCase()];
}

function operationOf(capabilities: readonly string[]): string {
  if (capabilities.some((capability) => /^io:(image|video|audio)-to-\1$/.test(capability))) return 'op:edit';
  return capabilities.includes('io:image-to-video') ? 'op:animate' : 'op:generate';
}
