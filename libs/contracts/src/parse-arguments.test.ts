import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AppError } from './errors.ts';
import { parseArguments } from './parse-arguments.ts';
import { toPortableSchema } from './portable-schema.ts';

const input = z.object({
  model: z.string().min(1),
  limit: z.int().min(1).max(100).optional(),
  status: z.enum(['queued', 'running']).optional(),
});
const tool = { name: 'a_tool', input, inputSchema: toPortableSchema(input, 'input') };

function refusalOf(raw: unknown): AppError {
  try {
    parseArguments(tool, raw);
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
      { path: 'prompt', message: 'unknown argument', hint: 'known: model, limit, status' },
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

  test('are refused with the assurance that nothing was charged', () => {
    expect(refusalOf({}).nextAction).toContain('Nothing was run or charged');
  });
});
