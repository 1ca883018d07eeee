import { createKey } from '@inferry/auth';
import type { Cluster } from '@inferry/cli';
import { type AnyTool, isErrorCode, type JsonObject } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { listedByDefault } from '@inferry/profiles';
import type { ScriptedUpstream } from '@inferry/testing/scripted-upstream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallOutcome, callTool, errorOf, runOf } from './support/mcp-http.ts';
import { type ScriptedCluster, startScriptedCluster, unlimited } from './support/scripted-cluster.ts';

let scripted: ScriptedCluster;
let upstream: ScriptedUpstream;
let cluster: Cluster;
let database: Database;
let ada: string;
let eve: string;

beforeAll(async () => {
  scripted = await startScriptedCluster({ replicas: 1, auth: 'keys', env: unlimited });
  ({ cluster, upstream } = scripted);
  database = await openDatabase({ url: String(cluster.env.DATABASE_URL) });
  ada = await keyFor('ada');
  eve = await keyFor('eve');
}, 120_000);

afterAll(async () => {
  await database?.close();
  await scripted?.stop();
}, 60_000);

async function keyFor(subject: string): Promise<string> {
  const { key } = await createKey(database, { name: subject, subject, scopes: ['mcp'] });
  return key.reveal();
}

function call(key: string, tool: string, args: unknown): Promise<CallOutcome> {
  return callTool(cluster.url, { tool, args: args as Record<string, unknown>, timeoutMs: 15_000, key });
}

/** A value that no argument of this schema takes; null is none that was given. */
function wrongValue(field: JsonObject): fc.Arbitrary<unknown> {
  const types = {
    string: fc.oneof(fc.integer(), fc.constant({}), fc.constant([])),
    other: fc.constantFrom('nope', '{"a":', [[]], {}),
  };
  if (field.type === 'string') return types.string;
  if (field.type === 'object') return fc.constantFrom('nope', 7, [1]);
  if (field.type === 'array') return fc.constantFrom('nope', 7, {});
  return types.other;
}

function propertiesOf(tool: AnyTool): [string, JsonObject][] {
  // as: toPortableSchema gives an object schema with properties.
  return Object.entries(tool.inputSchema.properties as Record<string, JsonObject>);
}

function problemPaths(outcome: CallOutcome): string[] {
  // as: details.errors of validation_failed.
  return ((errorOf(outcome)?.details?.errors ?? []) as { path: string }[]).map(({ path }) => path);
}

describe.each(listedByDefault.map((tool) => [tool.name, tool] as const))('%s', (name, tool) => {
  it('names an unknown field', async () => {
    const outcome = await call(ada, name, { no_such_argument: 1 });

    expect(errorOf(outcome)?.code).toBe('validation_failed');
    expect(problemPaths(outcome)).toContain('no_such_argument');
  });

  it('names the field that has a wrong type', async () => {
    for (const [field, schema] of propertiesOf(tool)) {
      await fc.assert(
        fc.asyncProperty(wrongValue(schema), async (value) => {
          const outcome = await call(ada, name, { [field]: value });

          expect(errorOf(outcome)?.code).toBe('validation_failed');
          expect(problemPaths(outcome).some((path) => path === field || path.startsWith(`${field}.`))).toBe(
            true,
          );
        }),
        { numRuns: 3 },
      );
    }
  });

  it('answers any object at all with a stable code or a result', async () => {
    const anything = fc.dictionary(
      fc.oneof(fc.constantFrom(...propertiesOf(tool).map(([field]) => field)), fc.string()),
      fc.jsonValue({ maxDepth: 3 }),
      { maxKeys: 4 },
    );
    await fc.assert(
      fc.asyncProperty(anything, async (args) => {
        const outcome = await call(ada, name, args);

        expect(outcome.status).toBe(200);
        if (!outcome.isError) return;
        const code = errorOf(outcome)?.code ?? '';
        expect(isErrorCode(code) && code !== 'internal').toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it('refuses a huge string without failing', async () => {
    const [field] = propertiesOf(tool).find(([, schema]) => schema.type === 'string') ?? ['sections'];
    const outcome = await call(ada, name, { [field]: 'x'.repeat(200_000) });

    expect(['validation_failed', 'model_not_found']).toContain(errorOf(outcome)?.code);
  });
});

describe('bad input', () => {
  it('charges nothing and submits nothing', async () => {
    const outcome = await call(ada, 'get_account', { sections: ['usage'] });

    expect(outcome.structured.usage).toMatchObject({ totals: { runs: 0, charged: 0 } });
    expect(upstream.submissions().size).toBe(0);
  });

  it('takes a stringified object and number for what they are', async () => {
    const input = JSON.stringify({ duration_ms: '0', text: 'coerced' });
    const outcome = await call(ada, 'run_model', { model: 'scripted/job', input, wait_seconds: '10' });

    expect(runOf(outcome)?.status).toBe('succeeded');
  });

  it('answers a cursor that was not ours with invalid_cursor', async () => {
    const outcomes = await Promise.all(
      ['search_models', 'list_runs'].map((tool) => call(ada, tool, { cursor: 'bm90IG91cnM' })),
    );

    expect(outcomes.map((outcome) => errorOf(outcome)?.code)).toEqual(['invalid_cursor', 'invalid_cursor']);
  });

  it('answers another tenant exactly as for an id that does not exist', async () => {
    const run = runOf(await call(ada, 'run_model', { model: 'scripted/job', input: {}, wait_seconds: 10 }));
    const upload = (await call(ada, 'create_upload', { file_name: 'a.txt', size: 3 })).structured;
    const unknownRun = `${run?.run_id.slice(0, -4)}0000`;
    const unknownAsset = `${String(upload.asset_id).slice(0, -4)}0000`;
    const pairs: [string, JsonObject, JsonObject][] = [
      ['get_run', { run_id: run?.run_id }, { run_id: unknownRun }],
      ['cancel_run', { run_id: run?.run_id }, { run_id: unknownRun }],
      ['view_output', { run_id: run?.run_id }, { run_id: unknownRun }],
      ['view_output', { asset_id: upload.asset_id }, { asset_id: unknownAsset }],
    ];

    for (const [tool, theirs, unknown] of pairs) {
      const seen = await call(eve, tool, theirs);
      const control = await call(eve, tool, unknown);
      expect(seen.isError).toBe(true);
      expect(seen.structured).toEqual(control.structured);
    }
  });
});
