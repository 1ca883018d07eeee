import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { toErrorResult } from './content.ts';
import { AppError } from './errors.ts';
import { parseArguments, parseMade } from './parse-arguments.ts';
import { toPortableSchema } from './portable-schema.ts';

const input = z.object({
  model: z.string().min(1).describe('A model'),
  limit: z.int().min(1).max(100).optional(),
  status: z.enum(['queued', 'running']).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  tags: z.record(z.string(), z.unknown()).optional().describe('Tags'),
  list: z.array(z.string()).optional(),
  input: z.record(z.string(), z.unknown()).optional(),
});
const tool = { name: 'a_tool', input, inputSchema: toPortableSchema(input, 'input') };

function refusalOf(raw: unknown, of: Parameters<typeof parseArguments>[0] = tool): AppError {
  try {
    parseArguments(of, raw);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('the arguments were accepted');
}

describe('arguments', () => {
  test('that fit are returned coerced', () => {
    expect(parseArguments(tool, { model: 'a/b', limit: '20' })).toEqual({ model: 'a/b', limit: 20 });
  });

  test('may be absent when nothing is required', () => {
    const free = z.object({ limit: z.int().optional() });

    const parsed = parseArguments(
      { name: 'free', input: free, inputSchema: toPortableSchema(free, 'input') },
      undefined,
    );

    expect(parsed).toEqual({});
  });

  test('with an unknown field are refused with the known ones', () => {
    const { code, details } = refusalOf({ model: 'a/b', prompt: 'x' });

    expect(code).toBe('validation_failed');
    expect(details?.errors).toEqual([
      {
        path: 'prompt',
        message: 'unknown argument',
        hint: 'known: model, limit, status, since, tags, list, input',
      },
    ]);
  });

  test('of a tool that takes none are refused in words', () => {
    const guide = { name: 'guide', input: z.object({}), inputSchema: {} };

    expect(refusalOf({ prompt: 'x' }, guide).details?.errors).toEqual([
      { path: 'prompt', message: 'unknown argument', hint: 'it takes no arguments' },
    ]);
  });

  test('are refused with every problem at once', () => {
    const { details } = refusalOf({ limit: 0, status: 'done' });

    expect(details?.errors).toMatchObject([
      { path: 'model' },
      { path: 'limit' },
      { path: 'status', hint: 'queued, running' },
    ]);
  });

  test.each([
    ['a list', []],
    ['a number', 5],
    ['text', 'model'],
  ])('that are %s are refused', (_case, raw) => {
    expect(refusalOf(raw).details?.errors).toEqual([{ path: '', message: 'arguments must be an object' }]);
  });

  test('never have a long field name echoed', () => {
    const errors = refusalOf({ model: 'a/b', ['x'.repeat(5_000)]: 1 }).details?.errors;

    expect(JSON.stringify(errors).length).toBeLessThan(300);
  });

  test.each([
    [{ model: 5 }, { path: 'model', message: 'must be text', hint: 'A model' }],
    [{}, { path: 'model', message: 'is required', hint: 'A model' }],
    [{ model: '' }, { path: 'model', message: 'is empty' }],
    [
      { model: 'a', limit: 0 },
      { path: 'limit', message: 'is too small', hint: 'at least 1' },
    ],
    [
      { model: 'a', limit: 101 },
      { path: 'limit', message: 'is too large', hint: 'at most 100' },
    ],
    [
      { model: 'a', limit: 1.5 },
      { path: 'limit', message: 'must be a whole number' },
    ],
    [
      { model: 'a', since: 'yesterday' },
      { path: 'since', message: 'is not a time', hint: 'RFC 3339, e.g. 2026-11-01T00:00:00Z' },
    ],
    [
      { model: 'a', tags: 'x' },
      { path: 'tags', message: 'must be an object', hint: 'Tags' },
    ],
  ])('that are %j are told so in plain words', (raw, problem) => {
    expect(refusalOf(raw).details?.errors).toEqual([problem]);
  });

  test('that are not set are left out at every level, and what another schema judges is left alone', () => {
    const raw = {
      model: 'a',
      limit: '',
      since: null,
      tags: { one: '', two: null, three: 'x' },
      list: ['', null, 'y'],
      input: { text: '', voice: null },
    };

    expect(parseArguments(tool, raw)).toEqual({
      model: 'a',
      tags: { three: 'x' },
      list: ['y'],
      input: { text: '', voice: null },
    });
  });

  test.each([null, ''])('that are %j as a whole are none', (raw) => {
    expect(refusalOf(raw).details?.errors).toMatchObject([{ path: 'model', message: 'is required' }]);
  });

  test('are refused shortly, however much is wrong', () => {
    const wrong = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${'é'.repeat(60)}${at}`, 1]));

    const { content, structuredContent } = toErrorResult(refusalOf(wrong).toEnvelope());

    const [said] = content;
    expect(Buffer.byteLength(said?.type === 'text' ? said.text : '')).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(JSON.stringify(structuredContent))).toBeLessThanOrEqual(1_024);
    expect(structuredContent).toMatchObject({ error: { details: { more_errors: expect.any(Number) } } });
  });

  test('are refused with the assurance that nothing was charged', () => {
    expect(refusalOf({}).nextAction).toContain('Nothing was run or charged');
  });
});

describe('what a tool has made of its arguments', () => {
  test('is looked at by its schema alone where nothing is to be put right', () => {
    const untouched = {
      ...{ name: 'an_operation', input },
      get inputSchema(): never {
        throw new Error('it was put right');
      },
    };

    expect(parseMade(untouched, { model: 'a/b', limit: 20, list: ['x'], tags: { a: { b: [1] } } })).toEqual({
      ...{ model: 'a/b', limit: 20 },
      ...{ list: ['x'], tags: { a: { b: [1] } } },
    });
  });

  test.each([
    { model: 'a/b', limit: '20' },
    { model: 'a/b', limit: '', list: null },
    { model: 'a/b', list: '["x"]' },
    { model: 'a/b', limit: undefined },
  ])('is put right like any arguments where it is to be: %j', (made) => {
    expect(parseMade(tool, made)).toEqual(parseArguments(tool, made));
  });

  test.each([
    { model: '' },
    { model: 'a/b', colour: 'red' },
    { model: 'a/b', limit: 101 },
    { model: 'a/b', tags: { deep: ['\0'] } },
    { model: 'a/b', tags: { 'a\ud800': 1 } },
    'no object',
  ])('is refused like any arguments: %j', (made) => {
    const refused = refusalOf(made);

    expect(() => parseMade(tool, made)).toThrow(expect.objectContaining({ details: refused.details }));
  });
});
