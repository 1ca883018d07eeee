// Holds that docs/build-a-wrapper.md is true: every call in it is made as it stands there, and answered as it says.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';

const page = new URL('../../docs/build-a-wrapper.md', import.meta.url);

interface Step {
  tool: string;
  args: Record<string, unknown>;
  answer: Record<string, unknown>;
}

let system: EmbeddedSystem;
let home: string;
let client: Client;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'inferry-wrapper-'));
  const port = await freePort();
  const env = { INFERRY_HOME: home, PROVIDERS: 'local', PORT: String(port), LOG_LEVEL: 'fatal' };
  system = await startEmbedded(parseStartConfig(env), env);
  client = new Client({ name: 'reader', version: '1' });
  const url = new URL(`http://127.0.0.1:${port}/mcp?toolsets=default,wrappers`);
  await client.connect(new StreamableHTTPClientTransport(url));
}, 120_000);

afterAll(async () => {
  await client?.close();
  await system?.close(5_000);
  await rm(home, { recursive: true, force: true });
}, 60_000);

/** Blocks of JSON come in pairs: a call and what is answered. */
async function stepsOf(): Promise<Step[]> {
  const text = await readFile(page, 'utf8');
  const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json = '']) => JSON.parse(json));
  return blocks.flatMap((block, at) =>
    at % 2 === 0 ? [{ tool: block.tool, args: block.arguments, answer: blocks[at + 1] }] : [],
  );
}

async function call(tool: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const result = await client.callTool({ name: tool, arguments: args }, { timeout: 60_000 });
  // as: every tool of these has a structure.
  return result.structuredContent as Record<string, unknown>;
}

it('leads from the schema of a base model to a published wrapper that everybody can call [MR-36][MR-44]', async () => {
  const steps = await stepsOf();
  let definition: unknown;
  let wrapperId: unknown;

  for (const { tool, args, answer } of steps) {
    definition = tool === 'preview_wrapper' ? args.definition : definition;
    const given = {
      ...args,
      ...(tool === 'create_wrapper' && { definition }),
      ...(tool === 'patch_wrapper' && { wrapper_id: wrapperId }),
    };
    await expect.poll(() => call(tool, given), { interval: 100 }).toMatchObject(answer);
    if (tool === 'create_wrapper') {
      const { wrapper } = await call(tool, given);
      wrapperId = (wrapper as { wrapper_id: string }).wrapper_id;
    }
  }

  expect(steps.map(({ tool }) => tool)).toEqual([
    'get_model',
    'preview_wrapper',
    'create_wrapper',
    'run_model',
    'run_model',
    'patch_wrapper',
    'search_models',
  ]);
  const runs = await call('list_runs', { model: 'me/platform-announcement', limit: 5 });
  expect(runs.items).toMatchObject([{ model: 'local/speech', wrapper: 'me/platform-announcement' }]);
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toContain('me-platform-announcement');
  const { contents } = await client.readResource({
    uri: 'inferry://models/me/platform-announcement/schema',
  });
  expect(JSON.stringify(contents)).toContain('destination');
  const guide = await client.readResource({ uri: 'skill://inferry/build-wrappers/SKILL.md' });
  expect(JSON.stringify(guide.contents)).toContain('# Build wrappers');
}, 120_000);

it('finds the run of a client_ref whatever became of the wrapper, and takes another wrapper for another request', async () => {
  const make = async (alias: string) => {
    const { wrapper } = await call('create_wrapper', {
      definition: {
        alias,
        input_schema: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
        template: 'Hello {{name}}.',
        base_models: [{ model: 'local/speech', mappings: { renames: { prompt: 'text' } } }],
      },
    });
    // as: the wrapper that was made.
    return (wrapper as { wrapper_id: string }).wrapper_id;
  };
  const run = (model: string) =>
    call('run_model', { model, input: { name: 'Ada' }, client_ref: 'hello', wait_seconds: 30 });
  const greeting = await make('greeting');
  await make('twin');

  const first = await run('me/greeting');
  const twin = await run('me/twin');
  await call('patch_wrapper', { wrapper_id: greeting, patch: { template: 'Bye {{name}}.' } });
  const changed = await run('me/greeting');
  await call('delete_wrapper', { wrapper_id: greeting });
  const deleted = await run('me/greeting');
  const anew = await call('run_model', { model: 'me/greeting', input: { name: 'Ada' } });

  // as: the run of each answer.
  const idOf = (answer: Record<string, unknown>) => (answer.run as { run_id: string } | undefined)?.run_id;
  expect(first).toMatchObject({ run: { status: 'succeeded', wrapper: 'me/greeting' } });
  expect([changed, deleted].map((answer) => [idOf(answer), answer.replayed])).toEqual(
    Array(2).fill([idOf(first), true]),
  );
  expect(twin).toMatchObject({ error: { code: 'idempotency_conflict' } });
  expect(anew).toMatchObject({ error: { code: 'model_not_found' } });
}, 120_000);
