import {
  type AnyTool,
  AppError,
  isObject,
  type JsonObject,
  parseArguments,
  toPortableSchema,
  unportableKeywords,
} from '@inferry/contracts';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { inferry, listedByDefault, profiles } from './index.ts';

const { tools } = inferry;
const everyTool = profiles.flatMap((profile) => profile.tools.map((tool) => [tool.id, tool] as const));

test('each profile stands in the list once, and no two tools have one id', () => {
  const keys = profiles.map(({ key }) => key);
  expect(keys).toEqual([...new Set(keys)]);
  const ids = everyTool.map(([id]) => id);
  expect(ids).toEqual([...new Set(ids)]);
});

interface Node {
  path: string;
  schema: JsonObject;
}

/** Every schema within a schema. */
function* walk({ path, schema }: Node): Generator<Node> {
  yield { path, schema };
  if (isObject(schema.items)) yield* walk({ path: `${path}[]`, schema: schema.items });
  for (const [name, field] of Object.entries(isObject(schema.properties) ? schema.properties : {})) {
    if (isObject(field)) yield* walk({ path: `${path}.${name}`, schema: field });
  }
}

function nodesOf(tool: AnyTool): Node[] {
  return [
    ...walk({ path: 'input', schema: tool.inputSchema }),
    ...(tool.outputSchema === undefined ? [] : walk({ path: 'output', schema: tool.outputSchema })),
  ];
}

function failureOf(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

/** What a required argument may be. */
function valueFor(name: string, { inputSchema: { properties } }: AnyTool): unknown {
  const schema = isObject(properties) ? properties[name] : undefined;
  if (isObject(schema) && Array.isArray(schema.enum)) return schema.enum[0];
  if (!isObject(schema)) return 'x';
  if (schema.type === 'integer' || schema.type === 'number') return 10;
  return schema.type === 'object' ? {} : 'x';
}

/** Whether a profile says why a tool of it does not keep a rule. */
function isExcepted({ id, name }: AnyTool, rule: string): boolean {
  const profile = profiles.find(({ key }) => id.startsWith(`${key}/`));
  return profile?.exceptions[`${name}: ${rule}`] !== undefined;
}

describe.each(everyTool)('the tool %s', (_name, tool) => {
  test('has a name that every client takes', () => {
    expect(tool.name).toMatch(isExcepted(tool, 'name') ? /^[a-z][a-z0-9-]{2,40}$/ : /^[a-z][a-z0-9_]{2,31}$/);
  });

  test('has a title and a description of at most 2,000 characters', () => {
    expect(tool.title).not.toBe('');
    expect(tool.description.length).toBeGreaterThan(20);
    expect(tool.description.length).toBeLessThanOrEqual(2_000);
  });

  test('states all four hints, and none that contradicts another', () => {
    const hints = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const;

    expect(hints.map((hint) => typeof tool.annotations[hint])).toEqual(hints.map(() => 'boolean'));
    expect(tool.annotations.readOnlyHint && tool.annotations.destructiveHint).toBe(false);
  });

  test('describes every field that holds a value', () => {
    if (isExcepted(tool, 'fields')) return;
    const silent = nodesOf(tool)
      .filter(
        ({ path, schema }) =>
          path !== 'input' && path !== 'output' && !path.endsWith('[]') && !('properties' in schema),
      )
      .filter(({ schema }) => typeof schema.description !== 'string' || schema.description === '')
      .map(({ path }) => path);

    expect(silent).toEqual([]);
  });

  test('has schemas that every client and model API takes', () => {
    const found = nodesOf(tool).flatMap(({ path, schema }) =>
      Object.keys(schema)
        .filter((keyword) => unportableKeywords.includes(keyword))
        .map((keyword) => `${path}: ${keyword}`),
    );

    expect(found).toEqual([]);
  });

  test('writes an object of anything in the one form that clients convert well', () => {
    const nodes = nodesOf(tool);
    const free = nodes.filter(
      ({ path, schema }) =>
        path !== 'input' && schema.type === 'object' && Object.keys(schema.properties ?? {}).length === 0,
    );
    const others = nodes.filter((node) => !free.includes(node));

    for (const { schema } of free)
      expect(schema).toMatchObject({ properties: {}, additionalProperties: true });
    const open = others.filter(({ schema }) => 'additionalProperties' in schema).map(({ path }) => path);
    expect(open).toEqual(isExcepted(tool, 'additionalProperties') ? ['input'] : []);
  });

  test.each([null, ''])('takes %j for an optional argument as not given', (unset) => {
    const { properties, required = [] } = tool.inputSchema;
    const names = Object.keys(isObject(properties) ? properties : {});
    // as: a schema's own list of names.
    const needed = names.filter((name) => (required as string[]).includes(name));
    const given = Object.fromEntries(needed.map((name) => [name, valueFor(name, tool)]));
    const filled = Object.fromEntries(names.map((name) => [name, name in given ? given[name] : unset]));

    expect(parseArguments(tool, filled)).toEqual(parseArguments(tool, given));
  });

  test('has an honest answer for a required argument that is not set', () => {
    const { required = [] } = tool.inputSchema;

    // as: a schema's own list of names.
    for (const name of required as string[]) {
      expect(() => parseArguments(tool, { [name]: null })).toThrow(/problem/);
    }
  });

  test.each(['a\u0000b', 'a\ud800b'])('refuses %j by name wherever it stands', (text) => {
    const { properties } = tool.inputSchema;
    for (const name of Object.keys(isObject(properties) ? properties : {})) {
      for (const value of [text, [text], { a: { b: text } }, { [text]: 1 }]) {
        const error = failureOf(() => parseArguments(tool, { [name]: value }));

        expect(error).toMatchObject({ code: 'validation_failed' });
        expect(JSON.stringify(error.details)).toContain('cannot be stored');
        expect(JSON.stringify(error.details)).toContain(name);
      }
    }
  });

  test('has objects at the top of both schemas', () => {
    const outputType = tool.isContentOnly === true ? undefined : 'object';

    expect([tool.inputSchema.type, tool.outputSchema?.type]).toEqual(['object', outputType]);
  });

  test('requires nothing at the top of its output and declares the error [X6]', () => {
    const { required, properties } = toPortableSchema(tool.output, 'output');

    expect(required).toBeUndefined();
    expect(properties).toHaveProperty('error');
    expect(tool.output.safeParse({ error: { code: 'internal', message: 'm' } }).success).toBe(true);
  });
});

describe('the lists', () => {
  // Where a result has a structure, four clients hand the model that alone, and the picture never arrives.
  test('gives every tool an output schema but the one that shows pictures', () => {
    const without = tools.filter(({ outputSchema }) => outputSchema === undefined).map(({ name }) => name);

    expect(without).toEqual(['view_output']);
  });

  test.each(profiles)('$key has each name once, and its key once', ({ key, tools: own }) => {
    expect(new Set(own.map(({ name }) => name)).size).toBe(own.length);
    expect(profiles.filter((other) => other.key === key)).toHaveLength(1);
  });

  test('stays under 25 tools', () => {
    expect(tools.length).toBeLessThan(25);
  });

  test('costs an agent less than 2,000 tokens for the tools that are on by default', () => {
    const listed = listedByDefault.map(({ name, description, inputSchema }) =>
      JSON.stringify({ name, description, inputSchema }),
    );

    const tokens = listed.reduce((sum, text) => sum + encode(text).length, 0);

    expect(tokens).toBeLessThan(2_000);
  });
});

describe('pinned', () => {
  test('tool names, in the order in which clients list them', () => {
    expect(tools.map(({ name }) => name)).toEqual([
      'search_models',
      'get_model',
      'estimate_cost',
      'run_model',
      'get_run',
      'list_runs',
      'cancel_run',
      'create_upload',
      'upload_file',
      'view_output',
      'get_account',
      'wrapper_guide',
      'preview_wrapper',
      'create_wrapper',
      'patch_wrapper',
      'delete_wrapper',
      'infra_describe',
      'infra_list',
      'infra_get',
      'infra_create',
      'infra_update',
      'infra_action',
      'infra_delete',
      'infra_logs',
    ]);
  });
});
