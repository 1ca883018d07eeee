/** Runflow's own MCP server at /mcp/runflow: what its documents say, tried on the whole system with the emulated platform. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { freePort } from '@inferry/testing';
import {
  type Emulator,
  type Emulators,
  emulatorDefinitions,
  startEmulators,
} from '@inferry/testing/emulators';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

/** Shorter than a run may take on a busy machine: whoever wants its end asks until it is there. */
const ceilingMs = 3_000;
const objectRemoval = 'runflow/object-removal/prompt';
const input = { image_url: 'https://example.com/photo.jpg', prompt: 'remove the watermark' };
const flux = { model: 'flux/schnell', input: { prompt: 'a fox' } };

let folder: string;
let emulators: Emulators;
let platform: Emulator;
/** The caller's own; the deployment has none. */
let key: string;
let system: EmbeddedSystem;
let url: string;

beforeAll(async () => {
  emulators = await startEmulators({
    definitions: emulatorDefinitions.filter(({ slug }) => slug === 'runflow'),
    now: Date.now,
  });
  platform = emulators.of('runflow');
  key = platform.keys.valid;
  folder = await mkdtemp(join(tmpdir(), 'inferry-runflow-'));
  const env = {
    INFERRY_EMULATORS: emulators.url,
    PROVIDERS: 'runflow',
    INFERRY_AUTH: 'keys',
    MCP_ACCEPTED_KEY_PREFIXES: 'rf_live',
    MCP_POLL_TIMEOUT_MS: String(ceilingMs),
    INFERRY_HOME: folder,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  url = `http://127.0.0.1:${system.port}/mcp/runflow`;
  await vi.waitFor(async () => expect((await list({})).text).toContain('flux'), {
    timeout: 15_000,
    interval: 100,
  });
}, 60_000);
afterAll(async () => {
  await system.close(2_000);
  await emulators.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  platform.script({ states: ['running', 'succeeded'] });
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
type Json = any;

interface Outcome {
  text: string;
  structured: Json;
  isError: boolean;
}

async function ask(method: string, params: object = {}, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const json: Json = await response.json();
  return { status: response.status, headers: response.headers, json };
}

async function call(name: string, args: object): Promise<Outcome> {
  const { json } = await ask('tools/call', { name, arguments: args });
  const { content, structuredContent: structured, isError = false } = json.result ?? {};
  return { text: content?.[0]?.text ?? JSON.stringify(json), structured, isError };
}

const list = (args: object) => call('list_models', args);
const generate = (args: object) => call('generate', args);

/** As the documents say: the same model and client_ref, until the run has ended. */
async function toEnd(args: { client_ref: string; model: string; input: object }): Promise<Outcome> {
  for (;;) {
    const outcome = await generate(args);
    if (outcome.structured?.error?.code !== 'polling_timeout') return outcome;
  }
}
const patient = { timeout: 50_000 };
const submits = () => platform.requests.filter(({ kind }) => kind === 'submit');

describe('the two steps of the documents', () => {
  it('initialize without an Accept names the server and tells the skill [RF-02][RF-03][RF-44][RF-75]', async () => {
    const { status, json } = await ask('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'curl', version: '0' },
    });

    expect(status).toBe(200);
    expect(json.result).toMatchObject({ protocolVersion: '2025-06-18', serverInfo: { name: 'Runflow' } });
    expect(json.result.instructions).toContain('Solutions first');
    expect(json.result.instructions.length).toBeLessThanOrEqual(2_000);
  });

  it('list_models without a session has text and structure [RF-32][RF-33][RF-76]', async () => {
    const { text, structured } = await list({ category: 'solution', limit: 5 });

    expect(text).toContain(objectRemoval);
    expect(structured.models).not.toHaveLength(0);
    expect(structured.models.every((one: Json) => one.provider_slug === 'runflow')).toBe(true);
  });
});

describe('the tools', () => {
  it('are generate and list_models, with the arguments of the documents [RF-16][RF-32]', async () => {
    const { json } = await ask('tools/list');

    const named = json.result.tools.map((tool: Json) => [
      tool.name,
      Object.keys(tool.inputSchema.properties),
    ]);
    expect(named).toEqual([
      ['generate', ['model', 'input', 'wait', 'client_ref']],
      ['list_models', ['category', 'provider', 'query', 'limit']],
    ]);
  });

  it('generate runs the documented example and waits for its end [RF-17][RF-19][RF-20][RF-31]', async () => {
    const { structured, text, isError } = await toEnd({ model: objectRemoval, input, client_ref: 'example' });

    expect(isError).toBe(false);
    expect(structured.run).toMatchObject({ status: 'succeeded', model: objectRemoval, cost: 0.35 });
    expect(structured.run.outputs[0].url).toMatch(/^http/);
    expect(text).toContain('succeeded');
    expect(submits().at(-1)?.headers.authorization).toBe(`Bearer ${key}`);
  });

  it('generate without a wait returns the id that the platform knows at once [RF-22]', async () => {
    platform.script({ states: ['running'] });

    await vi.waitFor(async () => {
      const { structured, isError } = await generate({ ...flux, wait: false, client_ref: 'at once' });

      expect(isError).toBe(false);
      expect([...platform.jobs.keys()]).toContain(structured.run_id);
      expect(['queued', 'running']).toContain(structured.run.status);
    }, patient);
  });

  it('generate checks the input by the model’s schema, and nothing is sent [RF-18]', async () => {
    const before = submits().length;

    const { structured, isError } = await generate({ model: objectRemoval, input: { prompt: 'x' } });

    expect(isError).toBe(true);
    expect(structured.error.code).toBe('validation_failed');
    expect(JSON.stringify(structured.error)).toContain('image_url');
    expect(submits()).toHaveLength(before);
  });

  it('list_models knows seven categories, and no other [RF-34]', async () => {
    const { json } = await ask('tools/list');
    const { category } = json.result.tools.at(-1).inputSchema.properties;

    expect(category.enum).toEqual([
      ...['text-to-image', 'image-to-image', 'text-to-video', 'image-to-video', 'video-to-video'],
      ...['text-to-audio', 'solution'],
    ]);
    expect((await list({ category: 'text-to-text' })).structured.error.code).toBe('validation_failed');
    for (const one of category.enum) expect((await list({ category: one })).isError).toBe(false);
  });

  it.each([
    ['text-to-image', 'flux/schnell'],
    ['text-to-video', 'alibaba/wan/v2.7/text-to-video'],
    ['solution', objectRemoval],
  ])('list_models filters by the category %s [RF-34]', async (category, model) => {
    const { structured } = await list({ category });

    expect(structured.models.map((one: Json) => one.model)).toContain(model);
  });

  it('list_models filters by the slug of the maker, and by a part of a name or slug [RF-35][RF-36]', async () => {
    const named = async (args: object) => (await list(args)).structured.models.map((one: Json) => one.model);

    expect(await named({ provider: 'flux' })).toEqual(['flux/schnell']);
    expect(await named({ query: 'chne' })).toEqual(['flux/schnell']);
    expect(await named({ query: 'removal BY' })).toEqual([objectRemoval]);
    expect(await named({ query: 'nothing like it' })).toEqual([]);
  });

  it('list_models takes 1 to 200, and names the endpoint of each entry’s runs [RF-37][RF-39]', async () => {
    const { structured } = await list({ limit: 200 });
    const [one] = structured.models;

    expect(one.runs_endpoint).toBe(`/v1/models/${one.model}/runs`);
    expect((await list({ limit: 201 })).structured.error.code).toBe('validation_failed');
    expect((await list({ limit: 0 })).structured.error.code).toBe('validation_failed');
    const { isError } = await generate({ model: one.runs_endpoint, input: {} });
    expect(isError).toBe(true);
  });
});

describe('client_ref', () => {
  it('is told to the platform, and the same model and reference are one run [RF-23][RF-29]', async () => {
    const first = await toEnd({ ...flux, client_ref: 'ref-1' });
    const second = await toEnd({ ...flux, input: { prompt: 'another one' }, client_ref: 'ref-1' });

    expect(second.structured).toMatchObject({ replayed: true, run_id: first.structured.run_id });
    expect([...platform.jobs.values()].filter(({ clientId }) => clientId === 'ref-1')).toHaveLength(1);
  });

  it('counts for one model: the same with another one is another run [RF-29]', async () => {
    const first = await toEnd({ ...flux, client_ref: 'ref-2' });
    const second = await toEnd({ model: objectRemoval, input, client_ref: 'ref-2' });

    expect(second.isError).toBe(false);
    expect(second.structured.run_id).not.toBe(first.structured.run_id);
  });

  it('may have 255 characters [RF-23]', async () => {
    expect((await toEnd({ ...flux, client_ref: 'r'.repeat(255) })).isError).toBe(false);
    expect((await generate({ ...flux, client_ref: 'r'.repeat(256) })).structured.error.code).toBe(
      'validation_failed',
    );
  });
});

describe('errors', () => {
  it('a run that goes on at the end of the wait is polling_timeout with its state [RF-27][RF-28][RF-63]', async () => {
    platform.script({ states: ['running'] });

    const { structured, text, isError } = await generate({ ...flux, client_ref: 'long' });

    expect(isError).toBe(true);
    expect(text).toMatch(/^\[polling_timeout\]/);
    expect(structured.error).toMatchObject({
      code: 'polling_timeout',
      next_action: expect.stringContaining('client_ref "long"'),
      details: { run: { status: 'running', run_id: expect.any(String) } },
    });
    platform.script({ states: ['succeeded'] });
  });

  it('without a client_ref it has the id for the platform’s own API [RF-30]', async () => {
    platform.script({ states: ['running'] });

    await vi.waitFor(async () => {
      const { structured } = await generate(flux);

      const { run_id: id } = structured.error.details.run;
      expect([...platform.jobs.keys()]).toContain(id);
      expect(structured.error.next_action).toContain(`/v1/runs/${id}`);
    }, patient);
  });

  it('keeps the platform’s errors and the path of the call [RF-60][RF-61][RF-62][RF-65][RF-69]', async () => {
    platform.script({ refuse: 'no_credit' });

    const { structured, text, isError } = await toEnd({ ...flux, client_ref: 'broke' });

    expect(isError).toBe(true);
    expect(text).toMatch(/^\[insufficient_credits\]/);
    expect(structured.error).toMatchObject({
      code: 'insufficient_credits',
      upstream_status: 402,
      next_action: expect.any(String),
      details: {
        errors: [{ type: 'insufficient_credits', message: 'Not enough credit for this run' }],
        path: expect.stringMatching(/\/models\/flux\/schnell\/runs$/),
      },
    });
  });

  it('a model that nobody has is model_not_found, and leads to list_models [RF-67]', async () => {
    const { structured } = await generate({ model: 'nope/nothing', input: {} });

    expect(structured.error.code).toBe('model_not_found');
    expect(JSON.stringify(structured.error)).not.toMatch(/search_models|run_model|local\//);
  });

  it('a run that fails is generate_failed, with the run [RF-64]', async () => {
    platform.script({ states: ['failed'], failWith: { kind: 'generate', message: 'It broke.' } });

    const { structured } = await toEnd({ ...flux, client_ref: 'fails' });

    expect(structured.error).toMatchObject({
      code: 'generate_failed',
      details: { run: { status: 'failed' } },
    });
  });

  it('keys of services are refused by design [RF-06]', async () => {
    const { status, json } = await ask('tools/list', {}, { authorization: 'Bearer rf_svc_0123456789abcdef' });

    expect(status).toBe(401);
    expect(JSON.stringify(json)).toContain('rf_live_');
  });
});

describe('prompts', () => {
  it('are the solutions of this platform alone, each by its whole slug [RF-40][RF-41]', async () => {
    const { json } = await ask('prompts/list');

    expect(json.result.prompts.map(({ name }: Json) => name)).toEqual(['object-removal-prompt']);
  });

  it('fill the chat with the inputs that are needed, and lead to generate [RF-42]', async () => {
    const { json } = await ask('prompts/get', {
      name: 'object-removal-prompt',
      arguments: { prompt: 'the car' },
    });

    const [{ content }] = json.result.messages;
    expect(content.text).toContain(`with generate, model "${objectRemoval}"`);
    expect(content.text).toContain('- prompt: the car');
    expect(content.text).toMatch(/- image_url: </);
    expect(content.text).not.toMatch(/run_model|create_upload/);
  });
});

it('nothing but the caller’s own key is used, and no other mount’s tools are here [RF-01][RF-04]', async () => {
  expect((await call('run_model', {})).text).toContain('tool_not_available');
  expect(
    platform.requests.every(({ headers }) => (headers.authorization ?? `Bearer ${key}`) === `Bearer ${key}`),
  ).toBe(true);
});

it('each tool leads to the same calls of the platform as its canonical counterpart', async () => {
  const canonical = url.replace('/runflow', '');
  const bodyOf = (request: (typeof platform.requests)[number] | undefined) => {
    const { client_ref: _ref, ...rest }: Json = request?.body ?? {};
    return { path: request?.path, ...rest };
  };
  await toEnd({ ...flux, client_ref: 'twin' });
  const ours = bodyOf(submits().at(-1));
  const before = submits().length;

  await fetch(canonical, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
      params: { name: 'run_model', arguments: { ...flux, model: `runflow/${flux.model}`, wait_seconds: 0 } },
    }),
  });
  await vi.waitFor(() => expect(submits()).toHaveLength(before + 1), patient);

  expect(bodyOf(submits().at(-1))).toEqual(ours);
});
