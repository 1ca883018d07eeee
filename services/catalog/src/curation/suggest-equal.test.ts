import { describe, expect, it } from 'vitest';
import { modelOf } from '../testing/model-of.ts';
import { type NamedModel, suggestEqualModels } from './suggest-equal.ts';

function named(id: string, title: string, changes: Parameters<typeof modelOf>[1] = {}): NamedModel {
  const provider = id.slice(0, id.indexOf('/'));
  return { id, provider, model: modelOf(id.slice(provider.length + 1), { title, ...changes }) };
}

const schemaOf = (...names: string[]) => ({
  type: 'object',
  required: names.slice(0, 1),
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
});

const fal = named('fal/fal-ai/flux/schnell', 'FLUX.1 [schnell]', {
  inputSchema: schemaOf('prompt', 'num_images', 'seed', 'acceleration'),
});
const runware = named('runware/runware:100@1', 'FLUX.1 Schnell', {
  inputSchema: schemaOf('positivePrompt', 'numberResults', 'seed'),
});
const replicate = named('replicate/black-forest-labs/flux-schnell', 'flux-schnell', {
  inputSchema: schemaOf('prompt', 'num_outputs', 'seed'),
});

describe('models that may do the same', () => {
  it('are those of several platforms with one name that take and make the same', () => {
    const others = [
      named('fal/fal-ai/flux/dev', 'FLUX.1 [dev]'),
      // The same name, and another thing to do.
      named('other/flux-schnell-video', 'FLUX.1 Schnell', { capabilities: ['io:text-to-video'] }),
      named('other/gone', 'FLUX.1 Schnell', { isLive: false }),
      named('other/packaged', 'FLUX.1 Schnell', { kind: 'solution' }),
      named('fal/again', 'FLUX.1 [schnell]', { weight: -1 }),
    ];

    const [suggestion, ...more] = suggestEqualModels([fal, runware, replicate, ...others]);

    expect(more).toEqual([]);
    expect(suggestion).toMatchObject({
      alias: 'flux-1-schnell',
      models: [
        'fal/fal-ai/flux/schnell',
        'replicate/black-forest-labs/flux-schnell',
        'runware/runware:100@1',
      ],
      fields: {
        'replicate/black-forest-labs/flux-schnell': { num_images: 'num_outputs' },
        'runware/runware:100@1': { prompt: 'positivePrompt', num_images: 'numberResults' },
      },
      open: { 'runware/runware:100@1': { missing: ['acceleration'], needs: [] } },
    });
    expect(suggestion?.capabilities).toContain('io:text-to-image');
  });

  it('are not named again where the file has them', () => {
    const models = [fal, runware].map(({ id }) => id);
    const group = { models, fields: {}, choose: 'order', failover: true } as const;

    expect(suggestEqualModels([fal, runware], { aliases: { fast: group } })).toEqual([]);
    expect(suggestEqualModels([fal], {})).toEqual([]);
  });
});
