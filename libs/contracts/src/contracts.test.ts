import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test } from 'vitest';
import { errorCodes } from './error-codes.ts';
import { events } from './events/index.ts';
import { type AnyTool, AppError, isObject, type JsonObject, parseArguments, type Toolset } from './index.ts';
import { toPortableSchema, unportableKeywords } from './portable-schema.ts';
import { isScope } from './principal.ts';
import { rpcs } from './rpc/index.ts';
import { tools } from './tools/index.ts';

const everyTool = tools.map((tool) => [tool.name, tool] as const);

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

describe.each(everyTool)('the tool %s', (_name, tool) => {
  test('has a name that every client takes', () => {
    expect(tool.name).toMatch(/^[a-z][a-z0-9_]{2,31}$/);
    expect(tool.subject).toBe(`tools.v1.${tool.name}`);
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

  test('names a scope that exists', () => {
    expect(isScope(tool.scope)).toBe(true);
  });

  test('describes every field that holds a value', () => {
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
    expect(others.filter(({ schema }) => 'additionalProperties' in schema)).toEqual([]);
  });

  test.each([null, ''])('takes %j for an optional argument as not given', (unset) => {
    const { properties, required = [] } = tool.inputSchema;
    const names = Object.keys(isObject(properties) ? properties : {});
    // as: a schema's own list of names.
    const needed = names.filter((name) => (required as string[]).includes(name));
    const given = Object.fromEntries(needed.map((name) => [name, name === 'input' ? {} : 'x']));
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

describe('the list of contracts', () => {
  // Where a result has a structure, four clients hand the model that alone, and the picture never arrives.
  test('gives every tool an output schema but the one that shows pictures', () => {
    const without = tools.filter(({ outputSchema }) => outputSchema === undefined).map(({ name }) => name);

    expect(without).toEqual(['view_output']);
  });

  test('has each name and each subject once', () => {
    const subjects = [...tools, ...rpcs, ...events].map(({ subject }) => subject);

    expect(new Set(subjects).size).toBe(subjects.length);
  });

  test('stays under 25 tools', () => {
    expect(tools.length).toBeLessThan(25);
  });

  test('costs an agent less than 2,000 tokens for the tools that are on by default', () => {
    const onByDefault: readonly Toolset[] = ['discover', 'run', 'files', 'account'];
    const listed = tools
      .filter(({ toolset }) => onByDefault.includes(toolset))
      .map(({ name, description, inputSchema }) => JSON.stringify({ name, description, inputSchema }));

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
    ]);
  });

  test('error codes', () => {
    expect(Object.keys(errorCodes)).toEqual([
      'host_rejected',
      'origin_rejected',
      'body_too_large',
      'missing_authorization',
      'malformed_authorization',
      'invalid_token',
      'insufficient_scope',
      'rate_limited',
      'not_found',
      'method_not_allowed',
      'unsupported_media_type',
      'parse_error',
      'invalid_request',
      'method_not_found',
      'header_mismatch',
      'unsupported_protocol_version',
      'validation_failed',
      'invalid_cursor',
      'tool_not_available',
      'prompt_not_found',
      'resource_not_found',
      'task_not_found',
      'stream_not_found',
      'session_not_found',
      'client_capability_missing',
      'client_input_missing',
      'deadline_exceeded',
      'cancelled',
      'unavailable',
      'busy',
      'message_too_large',
      'internal',
      'model_not_found',
      'ambiguous_model',
      'run_not_found',
      'idempotency_conflict',
      'max_cost_exceeded',
      'budget_exceeded',
      'budget_currency_mismatch',
      'price_unknown',
      'too_many_runs',
      'insufficient_credits',
      'polling_timeout',
      'generate_failed',
      'submit_unknown',
      'run_expired',
      'catalog_fetch_failed',
      'provider_not_connected',
      'unauthorized',
      'forbidden',
      'content_blocked',
      'upstream_unavailable',
      'upstream_failed',
      'upstream_malformed',
      'asset_not_found',
      'asset_not_ready',
      'upload_expired',
      'upload_mismatch',
      'upload_too_large',
      'storage_quota_exceeded',
      'url_rejected',
      'url_fetch_failed',
      'not_viewable',
    ]);
  });

  test('subjects of requests between services', () => {
    expect(rpcs.map(({ subject }) => subject)).toEqual([
      'rpc.v1.auth.verify_key',
      'rpc.v1.auth.read_revocations',
      'rpc.v1.auth.read_jwks',
      'rpc.v1.auth.read_vault_key',
      'rpc.v1.auth.open_credential',
      'rpc.v1.auth.read_access',
      'rpc.v1.auth.report_credential',
      'rpc.v1.auth.release_credential',
      'rpc.v1.auth.verify_passthrough',
      'rpc.v1.auth.list_connections',
      'rpc.v1.catalog.prepare_run',
      'rpc.v1.catalog.list_providers',
      'rpc.v1.inference.read_usage',
      'rpc.v1.inference.read_budgets',
      'rpc.v1.inference.read_outputs',
      'rpc.v1.upload.open_asset',
      'rpc.v1.upload.resolve_assets',
      'rpc.v1.upload.read_storage',
    ]);
  });

  test('subjects of events', () => {
    expect(events.map(({ subject }) => subject)).toEqual([
      'events.v1.run.progressed',
      'events.v1.run.finished',
      'events.v1.run.queued',
      'events.v1.run.cancel_requested',
      'events.v1.catalog.changed',
      'events.v1.grant.revoked',
      'events.v1.auth.jwks_changed',
      'events.v1.auth.connection_changed',
      'events.v1.auth.passthrough_seen',
      'events.v1.call.cancelled',
      'events.v1.client.answered',
      'events.v1.surface.changed',
      'events.v1.resource.updated',
    ]);
  });
});
