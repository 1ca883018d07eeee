import { type JsonObject, writeJson } from '@inferry/contracts';
import { RE2JS } from 're2js';
import { describe, expect, it, vi } from 'vitest';
import { toPortable } from '../sections/portable.ts';
import { everyFieldSchema } from '../testing/model-of.ts';
import { createValidator } from './model-validator.ts';
import { prepareInput } from './prepare-input.ts';

const everyField = createValidator(everyFieldSchema);

function prepare(input: JsonObject, properties?: JsonObject, rest: JsonObject = {}) {
  if (properties === undefined) return prepareInput(everyField, input);
  return prepareInput(createValidator({ type: 'object', properties, ...rest }), input);
}

function problemAt(path: string, result: ReturnType<typeof prepareInput>) {
  return result.problems.find((problem) => problem.path === path);
}

describe('coercion and defaults', () => {
  it('parses numbers, booleans, objects and lists that came as strings [RWD-02]', () => {
    const { input, problems } = prepare({
      prompt: 'x',
      count: '2',
      strength: '0.5',
      tiled: 'true',
      options: '{"seed":"7"}',
      references: '["asset_a"]',
    });

    expect(problems).toEqual([]);
    expect(input).toMatchObject({
      count: 2,
      strength: 0.5,
      tiled: true,
      options: { seed: 7 },
      references: ['asset_a'],
    });
  });

  it.each(['9007199254740993', '18446744073709551615', '-9007199254740993'])(
    'keeps every digit of %s',
    (digits) => {
      const properties = { seed: { type: 'integer' }, list: { type: 'array', items: { type: 'integer' } } };

      const { input, problems } = prepare({ seed: digits, list: [digits, '7'] }, properties);

      expect(problems).toEqual([]);
      expect(writeJson(input)).toBe(`{"seed":${digits},"list":[${digits},7]}`);
    },
  );

  it('tells that a number of many digits is beyond what a field takes', () => {
    const properties = { seed: { type: 'integer', maximum: 4_294_967_295 } };
    const result = prepare({ seed: '9007199254740993' }, properties);

    expect(problemAt('seed', result)?.message).toBe('is too large');
  });

  it('leaves a string that looks like a number alone where a string is wanted', () => {
    expect(prepare({ prompt: '42' }).input.prompt).toBe('42');
  });

  it('fills defaults in and keeps what was given', () => {
    expect(prepare({ prompt: 'x', count: 3 }).input).toEqual({ prompt: 'x', count: 3, quality: 'low' });
  });

  it('takes out a default that the schema itself refuses', () => {
    const { input, problems } = prepare({}, { seed: { type: 'integer', default: null } });

    expect(input).toEqual({});
    expect(problems).toEqual([]);
  });

  it('parses a value whose schema is a choice with null or a reference', () => {
    const { input, problems } = prepare(
      { size: '3', mode: 'fast' },
      { size: { anyOf: [{ type: 'integer' }, { type: 'null' }] }, mode: { $ref: '#/$defs/Mode' } },
      { $defs: { Mode: { type: 'string', enum: ['fast', 'good'] } } },
    );

    expect(problems).toEqual([]);
    expect(input).toEqual({ size: 3, mode: 'fast' });
  });
});

describe('problems', () => {
  it('names a missing field and what it takes', () => {
    expect(prepare({}).problems).toEqual([{ path: 'prompt', message: 'is required', hint: 'string' }]);
  });

  it('names the allowed values', () => {
    expect(problemAt('quality', prepare({ prompt: 'x', quality: 'best' }))).toMatchObject({
      message: 'is not one of the allowed values',
      hint: 'one of: low, high',
    });
  });

  it('names the allowed range', () => {
    expect(problemAt('count', prepare({ prompt: 'x', count: 9 }))).toMatchObject({
      message: 'is too large',
      hint: '1 to 4',
    });
  });

  it('names the type that a nested field takes', () => {
    expect(problemAt('options.seed', prepare({ prompt: 'x', options: { seed: 'no' } }))).toMatchObject({
      message: 'must be an integer',
    });
  });

  it('refuses an unknown field and lists the known ones', () => {
    const problem = problemAt('promt', prepare({ prompt: 'x', promt: 'y' }));

    expect(problem?.message).toBe('unknown field');
    expect(problem?.hint).toContain('prompt, count, quality');
  });

  it('refuses an unknown field inside an object', () => {
    expect(problemAt('options.other', prepare({ prompt: 'x', options: { other: 1 } }))).toMatchObject({
      message: 'unknown field',
      hint: 'known: seed, mask',
    });
  });

  it('takes any field where the model says that it does', () => {
    expect(prepare({ a: 1 }, { b: { type: 'string' } }, { additionalProperties: true }).problems).toEqual([]);
    expect(prepareInput(createValidator({ type: 'object' }), { a: 1 }).problems).toEqual([]);
  });

  it('leaves out what is optional and not set, where the schema has no use for that', () => {
    const properties = {
      count: { type: 'integer', default: 2 },
      voice: { type: 'string', enum: ['a', 'b'] },
      note: { type: 'string' },
      style: { anyOf: [{ type: 'string', minLength: 1 }, { type: 'null' }] },
      image: { type: 'string', 'x-inferry-file': 'image' },
      images: { type: 'array', items: { type: 'string', 'x-inferry-file': 'image' } },
      camera: { type: 'object', properties: { zoom: { type: 'number' } } },
      day: { type: 'string', format: 'date' },
    };
    const unset = { count: '', voice: '', note: '', style: null, image: '', day: '', unknown: null };

    const { input, problems } = prepare(
      { ...unset, images: ['', 'https://files.test/a.png', null], camera: { zoom: null } },
      properties,
    );

    expect(problems).toEqual([]);
    expect(input).toEqual({
      count: 2,
      note: '',
      style: null,
      images: ['https://files.test/a.png'],
      camera: {},
    });
  });

  it.each([null, ''])('tells that a required field that is %j is wrong', (value) => {
    const { problems } = prepare(
      { mode: value },
      { mode: { type: 'string', enum: ['x'] } },
      { required: ['mode'] },
    );

    expect(problems).toContainEqual({
      path: 'mode',
      message: 'is not one of the allowed values',
      hint: 'one of: x',
    });
  });

  it('tells of a choice with null what its other branch wants', () => {
    const result = prepare(
      { size: 9 },
      { size: { anyOf: [{ type: 'integer', maximum: 4 }, { type: 'null' }] } },
    );

    expect(result.problems).toEqual([{ path: 'size', message: 'is too large', hint: 'at most 4' }]);
  });

  it('tells at most 16', () => {
    const input = Object.fromEntries(Array.from({ length: 40 }, (_, number) => [`field${number}`, 1]));

    expect(prepare(input).problems).toHaveLength(16);
  });

  it('never repeats a value', () => {
    const { problems } = prepare({
      prompt: 'x',
      quality: 'sk-secret',
      image: 'sk-secret',
      count: 'sk-secret',
    });

    expect(problems).toHaveLength(3);
    expect(JSON.stringify(problems)).not.toContain('sk-secret');
  });
});

describe('files', () => {
  it.each([
    'https://example.com/cat.png',
    'http://example.com/cat.png',
    'data:image/png;base64,iVBORw0KGgo=',
    'asset_0123456789abcdefghijkl',
  ])('takes %s where a file is wanted, whatever the format and pattern say', (image) => {
    const { problems, fileFields } = prepare({ prompt: 'x', image });

    expect(problems).toEqual([]);
    expect(fileFields).toEqual(['/image']);
  });

  it.each(['/home/me/cat.png', './cat.png', '~/cat.png', 'C:\\cat.png', 'file:///cat.png', 'cat.png'])(
    'refuses the local path %s and points to create_upload [MR-33]',
    (image) => {
      const problem = problemAt('image', prepare({ prompt: 'x', image }));

      expect(problem?.message).toContain('local path');
      expect(problem?.hint).toContain('create_upload');
    },
  );

  it('refuses what is neither a URL nor an asset id', () => {
    expect(problemAt('image', prepare({ prompt: 'x', image: 'ftp://a/b' }))?.hint).toContain('asset_');
  });

  it('finds files in lists and objects', () => {
    const { fileFields } = prepare({
      prompt: 'x',
      references: ['asset_a', 'https://example.com/b'],
      options: { mask: 'asset_c' },
    });

    expect(fileFields).toEqual(['/references/0', '/references/1', '/options/mask']);
  });
});

describe('hostile input and odd schemas', () => {
  it('treats prototype keys as any other unknown field', () => {
    // JSON.parse makes an own property of it, as a request does.
    const input = JSON.parse(
      '{"prompt":"x","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );

    const result = prepare(input);

    expect(result.problems.map(({ path }) => path)).toEqual(['__proto__', 'constructor']);
    expect(result.input).not.toHaveProperty('polluted');
    expect({}).not.toHaveProperty('polluted');
  });

  it('asks for a required field that every object inherits', () => {
    const { problems } = prepare({}, { constructor: { type: 'string' } }, { required: ['constructor'] });

    expect(problems).toEqual([{ path: 'constructor', message: 'is required', hint: 'string' }]);
  });

  it('refuses an input that is nested too deeply, also when it came as a string', () => {
    const deep = `${'['.repeat(5_000)}1${']'.repeat(5_000)}`;

    for (const references of [JSON.parse(deep), deep]) {
      expect(prepare({ prompt: 'x', references }).problems).toMatchObject([
        { message: 'is nested too deeply' },
      ]);
    }
  });

  it('refuses more than a megabyte and points to create_upload', () => {
    const [problem] = prepare({ prompt: 'x'.repeat(1_000_001) }).problems;

    expect(problem?.message).toContain('1 MB');
    expect(problem?.hint).toContain('create_upload');
  });

  it('tells the first problem only of an input with very many values', () => {
    const list = Array.from({ length: 50_000 }, () => 'x');

    expect(prepare({ list }, { list: { type: 'array', items: { type: 'integer' } } }).problems).toHaveLength(
      1,
    );
  });

  it('leaves what a reference to another document says to the platform, and fetches nothing', () => {
    const { problems } = prepare(
      { a: 1 },
      { a: { $ref: 'https://example.invalid/schema.json' } },
      { $schema: 'http://json-schema.org/draft-07/schema#', $id: 'https://example.invalid/model.json' },
    );

    expect(problems).toEqual([]);
  });

  it('reads what older drafts and OpenAPI write', () => {
    const properties = {
      a: { type: 'number', minimum: 0, exclusiveMinimum: true },
      b: { type: 'string', nullable: true, enum: ['x'] },
      c: { type: 'file', pattern: '(?P<name>x)', enum: [] },
      d: { type: 'string', required: true },
    };

    expect(prepare({ a: 0 }, properties).problems).toMatchObject([{ path: 'a', message: 'is too small' }]);
    expect(prepare({ a: 1, b: null, c: 'any', d: 'x' }, properties).problems).toEqual([]);
  });

  it('ends at a schema that refers to itself', () => {
    const { problems } = prepare(
      { tree: { child: { child: { value: 'no' } } } },
      { tree: { $ref: '#/$defs/Node' } },
      {
        $defs: {
          Node: {
            type: 'object',
            properties: { value: { type: 'integer' }, child: { $ref: '#/$defs/Node' } },
          },
        },
      },
    );

    expect(problems).toMatchObject([{ path: 'tree.child.child.value', message: 'must be an integer' }]);
  });

  it('says so when a provider describes its inputs in a way that nobody can check', () => {
    expect(() => prepare({ a: 1 }, { a: { $ref: '#/nowhere' } })).toThrow(
      expect.objectContaining({ code: 'upstream_malformed' }),
    );
  });

  it('is not held up by a pattern that backtracks without end', () => {
    const text = `${'a'.repeat(60)}!`;
    const properties = { text: { type: 'string', pattern: '^(a+)+$' }, more: { type: 'string' } };
    const named = { patternProperties: { '^(x+x+)+y$': { type: 'integer' } } };

    const before = process.threadCpuUsage();
    const { problems } = prepare({ text, more: text }, properties);
    prepare({ text: 'a', ['x'.repeat(60)]: 1 }, properties, named);

    expect(problems).toMatchObject([{ path: 'text', message: 'does not have the expected form' }]);
    expect(process.threadCpuUsage(before).user).toBeLessThan(2_000_000);
  });

  it.each([
    ['^\\S+$', 'a\u00a0b', 'ab'],
    ['^.$', '\u2028', '😀'],
    ['^(?<year>\\d{4})-\\d\\d$', '20201', '2020-11'],
    ['^[\\u4e00-\\u9fff]+$', 'a', '你好'],
  ])('reads the pattern %s as the standard does', (pattern, wrong, right) => {
    const properties = { text: { type: 'string', pattern } };

    expect(prepare({ text: wrong }, properties).problems).toHaveLength(1);
    expect(prepare({ text: right }, properties).problems).toEqual([]);
  });

  it.each(['^(?=a)b', '(a)\\1', 'a{0,1000}b{0,1000}c{0,1000}'])(
    'leaves the pattern %s, which no expression of linear time says, to the platform',
    (pattern) => {
      expect(prepare({ text: 'x' }, { text: { type: 'string', pattern } }).problems).toEqual([]);
    },
  );

  it('runs patterns of a schema while they are small together, and leaves thousands to the platform', () => {
    const fields = Array.from({ length: 900 }, (_, at) => [
      `f${at}`,
      { type: 'string', pattern: `^[a-z]{1,900}b?${at}$` },
    ]);
    const compiled = vi.spyOn(RE2JS, 'compile');
    const validator = createValidator({ type: 'object', properties: Object.fromEntries(fields) });

    const { problems } = prepareInput(validator, { f0: '!', f899: '!' });
    toPortable({ type: 'object', properties: Object.fromEntries(fields) });

    expect(problems.map(({ path }) => path)).toEqual(['f0']);
    expect(compiled.mock.calls.length).toBeLessThan(30);
    compiled.mockRestore();
  });

  it('forbids no field that a pattern which it cannot run may allow', () => {
    const validator = createValidator({
      type: 'object',
      properties: {
        options: { type: 'object', patternProperties: { '^(?=a)': {} }, additionalProperties: false },
      },
    });

    expect(prepareInput(validator, { options: { a: 1 } }).problems).toEqual([]);
  });

  it.each([
    ['parts that all hold', 'allOf'],
    ['choices of which one holds', 'oneOf'],
    ['choices of which some hold', 'anyOf'],
  ])('reads a schema of thousands of %s in time that grows as they do', (_what, keyword) => {
    const parts = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ type: 'object', properties: { [`f${at}`]: {} } }));
    const cost = (count: number) => {
      const before = process.threadCpuUsage();
      createValidator({ type: 'object', [keyword]: parts(count) });
      return process.threadCpuUsage(before).user;
    };
    cost(4_000);

    expect(cost(4_000)).toBeLessThan(300_000);
    const validator = createValidator({ type: 'object', [keyword]: parts(4_000) });
    expect(prepareInput(validator, { f0: 1, f3999: 1 }).problems).toEqual([]);
  });

  it('leaves open what it cannot compile all of, and forbids nothing by that', () => {
    const many = Array.from({ length: 4_000 }, (_, at) => ({ properties: { kind: { const: at } } }));
    const more = { type: 'object', properties: { f: { not: { anyOf: many } } } };

    expect(prepareInput(createValidator(more), { f: { kind: -1 } }).problems).toEqual([]);
  });

  it('compiles a schema of thousands of fields in a moment, and checks what comes first in it', () => {
    const choices = Array.from({ length: 50 }, (_, index) => `v${index}`);
    const fields = Array.from({ length: 3_900 }, (_, index) => [`f${index}`, { enum: choices }]);
    const validator = createValidator({ type: 'object', properties: Object.fromEntries(fields) });

    const before = process.threadCpuUsage();
    const { problems } = prepareInput(validator, { f1: 'other', f3899: 'other' });

    expect(problems).toMatchObject([{ path: 'f1' }]);
    expect(process.threadCpuUsage(before).user).toBeLessThan(2_000_000);
  });
});

describe('a schema is never read narrower than it is', () => {
  it.each([
    [0.1, [0.3, 0.6, 0.7, 1.2, 1.4]],
    [0.01, [0.07, 0.29, 0.57, 0.58]],
  ])('by steps of %s', (multipleOf, values) => {
    const properties = { scale: { type: 'number', multipleOf } };

    for (const scale of values) expect(prepare({ scale }, properties).problems).toEqual([]);
    expect(prepare({ scale: multipleOf * 1.5 }, properties).problems).toHaveLength(1);
  });

  it('by choices that are no text', () => {
    const properties = {
      size: { type: 'string', enum: [5, 8] },
      tiled: { type: 'string', enum: [true, false] },
    };

    expect(prepare({ size: 5, tiled: true }, properties).problems).toEqual([]);
    expect(prepare({ size: '8', tiled: 'false' }, properties)).toMatchObject({
      problems: [],
      input: { size: 8, tiled: false },
    });
  });

  it('by choices of text that came as numbers', () => {
    const properties = { duration: { type: 'string', enum: ['5', '10'] } };

    expect(prepare({ duration: 5 }, properties)).toMatchObject({ problems: [], input: { duration: '5' } });
  });
});
