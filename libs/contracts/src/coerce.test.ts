import { describe, expect, test } from 'vitest';
import { coerce } from './parse-arguments.ts';

const schema = {
  type: 'object',
  properties: {
    count: { type: 'integer' },
    isOn: { type: 'boolean' },
    tags: { type: 'array', items: { type: 'number' } },
    input: { type: 'object', properties: { steps: { type: 'number' } } },
    text: { type: 'string' },
    any: {},
  },
};

describe('coerce [RWD-02]', () => {
  test.each([
    ['a number that came as text', { count: '5' }, { count: 5 }],
    ['a negative number in exponent form', { count: '-1e3' }, { count: -1_000 }],
    ['a boolean that came as text', { isOn: 'false' }, { isOn: false }],
    ['a list that came as text', { tags: '[1, 2]' }, { tags: [1, 2] }],
    ['the items of a list', { tags: ['1', '2'] }, { tags: [1, 2] }],
    ['an object that came as text, and what is in it', { input: '{"steps":"4"}' }, { input: { steps: 4 } }],
    ['arguments that came as text as a whole', '{"count":"5"}', { count: 5 }],
  ])('puts right %s', (_case, value, expected) => {
    expect(coerce(schema, value)).toEqual(expected);
  });

  test.each([
    ['text that looks like a number where text is wanted', { text: '5' }],
    ['text where anything is taken', { any: '5' }],
    ['text that is no number', { count: 'five' }],
    ['an empty text', { count: '' }],
    ['text that is no JSON', { input: '{steps: 4}' }],
    ['a list where an object is wanted', { input: '[1]' }],
    ['a field that is not in the schema', { constructor: '5', unknown: 'true' }],
  ])('leaves %s for validation to refuse', (_case, value) => {
    expect(coerce(schema, value)).toEqual(value);
  });
});
