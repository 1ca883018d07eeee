import { describe, expect, it } from 'vitest';
import { toPlainSchema } from '../input/plain-schema.ts';
import { everyFieldSchema } from '../testing/model-of.ts';
import { describeInputs } from './describe-inputs.ts';
import { windowOfList, windowOfObject, windowOfText } from './section-window.ts';

describe('describeInputs', () => {
  const inputs = describeInputs(toPlainSchema(everyFieldSchema));
  const input = (name: string) => inputs.find((other) => other.name === name);

  it('lists required fields first', () => {
    expect(inputs[0]).toEqual({
      name: 'prompt',
      type: 'string',
      required: true,
      description: 'What to make.',
    });
  });

  it('shows ranges, and defaults and allowed values as they are', () => {
    expect(input('count')).toMatchObject({ type: 'integer, 1 to 4', default: 1 });
    expect(input('quality')).toMatchObject({ type: 'string', default: 'low', allowed: ['low', 'high'] });
  });

  it('marks the fields that take a file, alone or in a list', () => {
    expect(input('image')?.is_file).toBe(true);
    expect(input('references')).toMatchObject({ type: 'list of string', is_file: true });
    expect(input('strength')?.is_file).toBeUndefined();
  });

  it('names the fields of an object', () => {
    expect(input('options')?.type).toBe('object {seed, mask}');
  });
});

describe('windows', () => {
  it('cut a text into pieces that make it up again, never through a character', () => {
    const text = 'ab😀'.repeat(50);
    let rebuilt = '';
    let isCut = true;

    for (let offset = 0; isCut; offset += 7) {
      const piece = windowOfText(text, { offset, maxChars: 7 });
      expect(piece.value).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
      rebuilt += piece.value;
      isCut = piece.isCut;
    }

    expect(rebuilt).toBe(text);
  });

  it('give each item of a list once and whole', () => {
    const items = Array.from({ length: 40 }, (_, number) => ({ number, text: 'x'.repeat(number) }));
    const seen: unknown[] = [];
    let isCut = true;

    for (let offset = 0; isCut; offset += 100) {
      const piece = windowOfList(items, { offset, maxChars: 100 });
      seen.push(...piece.value);
      isCut = piece.isCut;
    }

    expect(seen).toEqual(items);
  });

  it('show an object that fits as it is, and pieces of the text of one that does not', () => {
    const value = { a: 'x'.repeat(100) };

    expect(windowOfObject(value, { offset: 0, maxChars: 200 })).toEqual({ value, isCut: false });
    expect(windowOfObject(value, { offset: 0, maxChars: 50 })).toEqual({
      value: { partial_json: JSON.stringify(value).slice(0, 50), total_chars: 108 },
      isCut: true,
    });
  });
});
