import {
  type AnyTool,
  AppError,
  allToolsets,
  defaultToolsets,
  isObject,
  type JsonObject,
  parseArguments,
  toolsets,
  toPortableSchema,
  unportableKeywords,
} from '@inferry/contracts';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { inferry, listedByDefault, profileOf, profiles } from './index.ts';

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
  if (schema.type === 'array') return ['x'];
  if (schema.type === 'integer' || schema.type === 'number') return 10;
  return schema.type === 'object' ? {} : 'x';
}

/** Rules that a profile may say that tools of it do not keep: each gives what is against it. */
const rules: Readonly<Record<string, (tool: AnyTool) => string[]>> = {
  name: ({ name }) => (/^[a-z][a-z0-9_]{2,31}$/.test(name) ? [] : [name]),
  fields: (tool) =>
    nodesOf(tool)
      .filter(
        ({ path, schema }) =>
          path !== 'input' && path !== 'output' && !path.endsWith('[]') && !('properties' in schema),
      )
      .filter(({ schema }) => typeof schema.description !== 'string' || schema.description === '')
      .map(({ path }) => path),
  additionalProperties: (tool) =>
    nodesOf(tool)
      .filter(({ path, schema }) => path === 'input' || !isFree(schema))
      .filter(({ schema }) => 'additionalProperties' in schema)
      .map(({ path }) => path),
  // Where a result has a structure, four clients hand the model that alone, and the picture never arrives.
  output: ({ outputSchema }) => (outputSchema === undefined ? ['output'] : []),
};

function isFree({ type, properties }: JsonObject): boolean {
  return type === 'object' && Object.keys(properties ?? {}).length === 0;
}

/** What is against a rule and not excepted. */
function against(rule: string, tool: AnyTool): string[] {
  const exceptions = profileOf(tool.profile.key)?.exceptions ?? {};
  const isExcepted = [`${tool.name}: ${rule}`, `*: ${rule}`].some((entry) => entry in exceptions);
  return isExcepted ? [] : (rules[rule]?.(tool) ?? ['no such rule']);
}

describe.each(everyTool)('the tool %s', (_name, tool) => {
  test('has a name that every client takes', () => {
    expect(tool.name).toMatch(/^[a-z][a-z0-9_-]{2,40}$/);
    expect(against('name', tool)).toEqual([]);
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
    expect(against('fields', tool)).toEqual([]);
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
    for (const { path, schema } of nodesOf(tool)) {
      if (path !== 'input' && isFree(schema))
        expect(schema).toMatchObject({ properties: {}, additionalProperties: true });
    }
    expect(against('additionalProperties', tool)).toEqual([]);
    // Open at the top at most: nobody converts one that is open further down.
    expect(rules.additionalProperties?.(tool).filter((path) => path !== 'input')).toEqual([]);
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

/** Of `tools/list` of a whole mount: how many tools, and tokens at most. */
const budgets: readonly (readonly [key: string, count: number, tokens: number])[] = [
  ['inferry', 30, 16_500],
  ['modelrunner', 23, 10_000],
  ['runflow', 2, 1_150],
  ['runware', 12, 1_750],
  ['runpod', 54, 8_000],
  ['runpod-4', 68, 9_000],
];

describe('the lists', () => {
  test('gives every tool an output schema but the one that shows pictures', () => {
    const without = tools.filter(({ outputSchema }) => outputSchema === undefined).map(({ name }) => name);

    expect(without).toEqual(['view_output']);
    expect(everyTool.filter(([, tool]) => against('output', tool).length > 0).map(([id]) => id)).toEqual([]);
  });

  test.each(
    profiles.flatMap(({ key, exceptions, tools: own }) =>
      Object.entries(exceptions).map(([entry, reason]) => ({ key, entry, reason, own })),
    ),
  )('$key does not keep the rule “$entry”, and says why', ({ entry, reason, own }) => {
    const [name, rule = ''] = entry.split(': ');
    const broken = own.filter((tool) => name === '*' || tool.name === name);

    // One that nothing needs any more would hide what comes later.
    expect(broken.flatMap((tool) => rules[rule]?.(tool) ?? [])).not.toEqual([]);
    expect(reason.length).toBeGreaterThan(20);
  });

  // What an agent pays in every conversation that has the whole mount; a mount can be narrowed (`/x/<group>`).
  test('cost so many tokens, and no more without somebody’s meaning it', () => {
    const costs = profiles.map(({ key, tools: own }) => {
      const texts = own.map(({ name, title, description, inputSchema, outputSchema, annotations }) =>
        JSON.stringify({ name, title, description, inputSchema, outputSchema, annotations }),
      );
      return { key, tools: own.length, tokens: texts.reduce((sum, text) => sum + encode(text).length, 0) };
    });

    const said = costs.map(({ key, tools: count, tokens }) => `${key}: ${count} tools, ${tokens} tokens`);
    expect(costs.map(({ key, tools: count }) => [key, count])).toEqual(
      budgets.map(([key, count]) => [key, count]),
    );
    for (const [index, [, , most]] of budgets.entries()) {
      const { tokens = 0 } = costs[index] ?? {};
      // Neither more, nor so much less that the next ten per cent come unseen.
      expect(tokens, said.join('; ')).toBeLessThanOrEqual(most);
      expect(tokens, said.join('; ')).toBeGreaterThan(most * 0.9);
    }
  });

  test.each(profiles)('$key has each name once, and its key once', ({ key, tools: own }) => {
    expect(new Set(own.map(({ name }) => name)).size).toBe(own.length);
    expect(profiles.filter((other) => other.key === key)).toHaveLength(1);
  });

  test('stays under 25 tools, and so does the usual list with a toolset that is asked for by name', () => {
    const listed = (names: readonly string[]) =>
      tools.filter((tool) => names.includes(tool.operation.toolset));

    expect(listed(allToolsets).length).toBeLessThan(25);
    expect(listed([...defaultToolsets, 'assets', 'wrappers', 'batches']).length).toBeLessThan(25);
    expect(toolsets.filter((name) => !allToolsets.includes(name))).toEqual(['assets', 'batches']);
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
      'list_assets',
      'update_assets',
      'delete_assets',
      'infra_describe',
      'infra_list',
      'infra_get',
      'infra_create',
      'infra_update',
      'infra_action',
      'infra_delete',
      'infra_logs',
      'run_batch',
      'get_batch',
      'cancel_batch',
    ]);
  });
});

describe('groups of Runpod’s tools', () => {
  const grouped = (key: string, group: string) =>
    profileOf(key)
      ?.tools.filter((tool) => tool.group === group)
      .map(({ name }) => name);

  test('each tool is in one', () => {
    for (const key of ['runpod', 'runpod-4'])
      expect(profileOf(key)?.tools.filter(({ group }) => group === undefined)).toEqual([]);
  });

  test('tools of a kind are together, in both editions', () => {
    expect(grouped('runpod', 'pods')).toEqual([
      ...['list-pods', 'get-pod', 'create-pod', 'update-pod', 'start-pod', 'stop-pod'],
      ...['restart-pod', 'stream-pod-logs', 'delete-pod'],
    ]);
    expect(grouped('runpod-4', 'pods')).toEqual([
      ...['stream-pod-logs', 'create-pod', 'delete-pod', 'get-pod', 'list-pods', 'pod-action', 'update-pod'],
    ]);
    for (const key of ['runpod', 'runpod-4']) {
      expect(grouped(key, 'jobs')).toEqual([
        ...['run-endpoint', 'runsync-endpoint', 'get-job-status', 'stream-job', 'cancel-job', 'retry-job'],
        ...['endpoint-health', 'purge-endpoint-queue'],
      ]);
    }
    expect(grouped('runpod', 'billing')).toEqual(['get-billing']);
    expect(grouped('runpod-4', 'billing')).toHaveLength(6);
  });
});
