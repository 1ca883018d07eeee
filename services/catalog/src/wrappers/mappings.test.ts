import type { JsonObject } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { type Mappings, mapInput, producedFields } from './mappings.ts';

const anyModel = new Set([
  'prompt',
  'num_outputs',
  'output_format',
  'image_urls',
  'steps',
  'style',
  'text',
  'n',
]);

function map(
  input: JsonObject,
  mappings: Mappings,
  extra: { prompt?: string; reads?: string[] } = {},
): JsonObject {
  const { prompt, reads = [] } = extra;
  return mapInput({ input, prompt, mappings, reads: new Set(reads), hasField: (name) => anyModel.has(name) });
}

describe('the mappings of a wrapper', () => {
  it('make the input of the worked example', () => {
    const mapped = map(
      { subject: 'a fox', mood: 'noir' },
      { static_values: { num_outputs: 1, output_format: 'png' }, omit: ['mood'] },
      { prompt: 'a fox, dark', reads: ['subject', 'mood'] },
    );

    expect(mapped).toEqual({ prompt: 'a fox, dark', num_outputs: 1, output_format: 'png' });
  });

  it('collect several fields into one list, in their order, without those that are not given', () => {
    const mapped = map(
      { person: 'p', shirt: '', trousers: ['t1', 't2'], hat: null },
      { collect_fields: { image_urls: ['person', 'shirt', 'trousers', 'hat', 'shoes'] } },
    );

    expect(mapped).toEqual({ image_urls: ['p', 't1', 't2'] });
  });

  it('make no list of nothing', () => {
    expect(map({}, { collect_fields: { image_urls: ['a', 'b'] } })).toEqual({});
  });

  it('may collect a field into a list of its own name', () => {
    expect(map({ image_urls: 'a' }, { collect_fields: { image_urls: ['image_urls'] } })).toEqual({
      image_urls: ['a'],
    });
  });

  it('expand one choice into several fields and leave the choice out', () => {
    const presets = { quality: { high: { steps: 50, style: 'fine' }, low: { steps: 4 } } };

    expect(map({ quality: 'high' }, { presets })).toEqual({ steps: 50, style: 'fine' });
    expect(map({ quality: 'other' }, { presets })).toEqual({});
    expect(map({}, { presets })).toEqual({});
  });

  it('read presets of numbers and booleans by their text', () => {
    expect(map({ hd: true }, { presets: { hd: { true: { steps: 50 }, false: { steps: 4 } } } })).toEqual({
      steps: 50,
    });
  });

  it('rename at once, so that two fields can change places', () => {
    expect(map({ steps: 1, n: 2 }, { renames: { steps: 'n', n: 'steps' } })).toEqual({ steps: 2, n: 1 });
    expect(map({}, { renames: { prompt: 'text' } }, { prompt: 'hello' })).toEqual({ text: 'hello' });
  });

  it('run in one order: collect, static values, presets, renames, omit', () => {
    const mapped = map(
      { a: '1', quality: 'high' },
      {
        omit: ['style', 'old'],
        renames: { extra: 'text', old: 'n' },
        presets: { quality: { high: { steps: 50, extra: 'preset' } } },
        static_values: { steps: 10, extra: 'static', old: 7, style: 'x', image_urls: ['fixed'] },
        collect_fields: { image_urls: ['a'] },
      },
    );

    expect(mapped).toEqual({ image_urls: ['fixed'], steps: 50, text: 'preset', n: 7 });
  });

  it('pass a field on that the template reads when the model has one of that name', () => {
    const mapped = map({ style: 'flat', subject: 'a fox' }, {}, { prompt: 'p', reads: ['style', 'subject'] });

    expect(mapped).toEqual({ prompt: 'p', style: 'flat' });
  });

  it('let a fixed value win over what the caller gives, and the template over a field called prompt', () => {
    expect(map({ steps: 9, prompt: 'x' }, { static_values: { steps: 1 } }, { prompt: 'made of x' })).toEqual({
      steps: 1,
      prompt: 'made of x',
    });
  });

  it('take names of prototypes for names', () => {
    const input: JsonObject = JSON.parse('{"__proto__":"a","constructor":"b"}');

    const mapped = map(input, { presets: { toString: { x: { steps: 1 } } }, renames: { __proto__x: 'y' } });

    expect(Object.entries(mapped)).toEqual(Object.entries(input));
    expect(Object.getPrototypeOf(mapped)).toBe(Object.prototype);
  });
});

describe('the fields that mappings produce', () => {
  const namesOf = (fields: string[], mappings: Mappings, reads: string[] = []) =>
    producedFields(fields, {
      hasPrompt: true,
      mappings,
      reads: new Set(reads),
      hasField: (name) => anyModel.has(name),
    })
      .map(({ name }) => name)
      .sort();

  it('are those of every operation, with the names that they end up with', () => {
    const names = namesOf(
      ['subject', 'mood', 'size', 'a', 'b', 'quality', 'helper'],
      {
        collect_fields: { image_urls: ['a', 'b'] },
        static_values: { n: 1 },
        presets: { quality: { high: { steps: 1 }, low: { style: 'x' } } },
        renames: { size: 'image_size', prompt: 'text' },
        omit: ['helper'],
      },
      ['subject', 'mood'],
    );

    expect(names).toEqual(['image_size', 'image_urls', 'n', 'steps', 'style', 'text']);
  });

  it('are at least what any input leads to', () => {
    const mappings: Mappings = {
      collect_fields: { image_urls: ['a'] },
      presets: { q: { x: { steps: 1 } } },
      renames: { b: 'text' },
      omit: ['c'],
    };
    const produced = namesOf(['a', 'b', 'c', 'q', 'other'], mappings, ['other']);

    for (const input of [{ a: 1 }, { b: 1, c: 2 }, { q: 'x', other: 1 }, { a: 1, b: 1, q: 'y' }]) {
      const mapped = map(input, mappings, { prompt: 'p', reads: ['other'] });
      for (const name of Object.keys(mapped)) expect(produced).toContain(name);
    }
  });
});
