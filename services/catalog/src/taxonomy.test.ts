import type { ProviderModel } from '@inferry/providers';
import { expect, it } from 'vitest';
import { capabilitiesOf } from './taxonomy.ts';
import { generateModels } from './testing/generate-models.ts';
import { modelOf } from './testing/model-of.ts';

const bare = { inputSchema: {}, categories: [], capabilities: [] };
const of = (fields: Partial<ProviderModel>) => capabilitiesOf(modelOf('acme/x', { ...bare, ...fields }));

it('leaves what the provider says', () => {
  const said = ['io:text-to-video', 'op:animate', 'form:workflow'];

  expect(of({ capabilities: said })).toEqual(said);
});

it.each([
  [{ categories: ['image', 'text-to-image'] }, ['io:text-to-image', 'op:generate', 'form:model']],
  [{ categories: ['image'], tags: ['upscaler'] }, ['op:upscale']],
  [{ categories: ['audio'], title: 'Text to speech' }, ['io:text-to-audio', 'op:text-to-speech']],
  [{ categories: ['video'], tags: ['lora'] }, ['io:text-to-video', 'form:lora']],
  [{ kind: 'solution' }, ['form:solution']],
  [{ kind: 'endpoint' }, ['form:endpoint']],
  [{}, ['io:text-to-text', 'op:generate', 'form:model']],
] as [Partial<ProviderModel>, string[]][])('fills in by rule what is missing: %j', (fields, expected) => {
  expect(of(fields)).toEqual(expect.arrayContaining(expected));
});

it('reads the media of file fields', () => {
  const inputSchema = {
    type: 'object',
    properties: { image: { type: 'string', 'x-inferry-file': 'image' } },
  };

  expect(of({ inputSchema, categories: ['video'] })).toContain('io:image-to-video');
});

it('gives every model one of each kind', () => {
  for (const model of generateModels(500)) {
    const capabilities = capabilitiesOf({ ...model, capabilities: [] });
    for (const kind of ['io:', 'op:', 'form:']) {
      expect(capabilities.some((capability) => capability.startsWith(kind))).toBe(true);
    }
  }
});
