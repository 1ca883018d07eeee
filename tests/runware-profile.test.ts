/** Runware's own server over the whole system in one process, against the emulated platform. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import {
  type JsonObject,
  localPrincipal,
  maxShortBytes,
  type Principal,
  type ToolResult,
} from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulator,
  type Emulators,
  emulatorVariables,
  runwareEmulator,
  startEmulators,
} from '@inferry/testing/emulators';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

const xai = 'xai:grok-imagine@image-quality';
const flux = 'runware:100@1';

let folder: string;
let emulators: Emulators;
let emulator: Emulator;
let system: EmbeddedSystem;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inferry-runware-'));
  emulators = await startEmulators({ definitions: [runwareEmulator], now: Date.now });
  emulator = emulators.of('runware');
  const env = {
    ...emulatorVariables(emulators),
    INFERRY_HOME: folder,
    PROVIDERS: 'runware',
    PORT: String(await freePort()),
    LOG_LEVEL: 'fatal',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  await vi.waitFor(async () => expect(textOf(await call('list_models', {}))).toContain(xai), 20_000);
});
afterAll(async () => {
  await system?.close(1_000);
  await emulators?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => emulator.reset());

async function callAs(principal: Principal, name: string, args: JsonObject): Promise<ToolResult> {
  const tool = toolOf(name.includes('/') ? name : `runware/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  const wait = { defaultSeconds: 30, maxSeconds: 30 };
  return JSON.parse(await system.parts.bus.callTool(tool, args, { principal, wait })) as ToolResult;
}

const call = (name: string, args: JsonObject) => callAs(localPrincipal, name, args);

function textsOf({ content }: ToolResult): string[] {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
}

function textOf(result: ToolResult): string {
  return textsOf(result).join('\n');
}

/** Tasks that were sent to the platform, but for looks at those that there are. */
function sentTasks(): JsonObject[] {
  // as: every call of the platform has a list of tasks.
  const tasks = emulator.requests.flatMap(({ body }) => (Array.isArray(body) ? (body as JsonObject[]) : []));
  return tasks.filter(({ taskType }) => taskType !== 'getResponse');
}

const sentOf = (taskType: string) => sentTasks().filter((task) => task.taskType === taskType);

describe('run', () => {
  it('runs any task by flat parameters, and tells link, facts, time and cost [RW-18][RW-20][RW-31][RW-32][RW-55]', async () => {
    const result = await call('run', {
      model: xai,
      taskType: 'imageInference',
      positivePrompt: 'a cyberpunk street',
      width: '2752',
      height: 1504,
    });

    const [url = '', facts = '', report = ''] = textsOf(result);
    expect(url).toMatch(/^Image URL: http\S+$/);
    expect(JSON.parse(facts)).toEqual({
      imageUUID: expect.any(String),
      seed: 7,
      NSFWContent: false,
      cost: 0.07,
      taskUUID: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(report).toMatch(/^Generated in \d+\.\d s\. Cost: \$0\.07\.\n!\[image\]\(http\S+\)$/);
    expect(result).not.toHaveProperty('structuredContent');
    expect(Buffer.byteLength(textOf(result))).toBeLessThanOrEqual(maxShortBytes);
    expect(sentOf('imageInference')).toMatchObject([
      { model: xai, positivePrompt: 'a cyberpunk street', width: 2_752, height: 1_504, includeCost: true },
    ]);
    expect(emulator.violations).toEqual([]);
  });

  it('takes a slug for an AIR, and an AIR that no list has [RW-04][RW-18]', async () => {
    const bySlug = await call('run', { model: 'flux-schnell', positivePrompt: 'a boat' });
    const community = await call('run', {
      model: 'civitai:133005@782002',
      positivePrompt: 'a fox',
      steps: '20',
    });
    const unknown = await call('run', { model: 'civitai:1@1', positivePrompt: 'a fox' });
    const told = await call('run', {
      model: 'civitai:1@1',
      positivePrompt: 'a fox',
      taskType: 'imageInference',
    });

    expect([bySlug.isError, community.isError]).toEqual([undefined, undefined]);
    expect(sentOf('imageInference').map(({ model, steps }) => [model, steps])).toEqual([
      [flux, undefined],
      ['civitai:133005@782002', 20],
      ['civitai:1@1', undefined],
    ]);
    expect(textOf(unknown)).toContain("[notFound] Unknown model 'civitai:1@1'. Pass taskType");
    expect(textOf(unknown)).toContain('list_models has');
    expect(textOf(unknown)).not.toContain('search_models');
    // The platform itself says that it has none.
    expect(textOf(told)).toMatch(/^\[notFound\]/);
  });

  it('checks parameters by the schema of the model before anything is sent [RW-19][RWD-02]', async () => {
    const wrong = await call('run', { model: 'flux-schnell', positivePrompt: 'x', width: 99_999 });
    const [said = ''] = textsOf(wrong);

    expect(said.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(
        /^\[validation\] Validation failed for flux-schnell: .*positivePrompt .*; .*width /,
      ),
      'Parameter: positivePrompt',
      'Docs: https://runware.ai/docs/models/flux-schnell#request-positiveprompt',
    ]);
    expect(sentOf('imageInference')).toEqual([]);
    const typed = await call('run', {
      model: flux,
      taskType: 'imageInference',
      positivePrompt: 'ok',
      width: 100,
    });
    expect(textOf(typed)).toContain('\nTask: imageInference\n');
  });

  it('gives each of several results, one after the other, with the cost of each', async () => {
    const result = await call('run', { model: flux, positivePrompt: 'two boats', numberResults: 2 });
    const texts = textsOf(result);

    expect(texts[2]).toBe('\n--- Result 2 ---');
    expect([texts[1], texts[4]].map((facts) => JSON.parse(facts ?? '').cost)).toEqual([0.0013, 0.0013]);
    expect(texts.at(-1)).toContain('Cost: $0.0026.');
  });

  it('refuses what may cost more than max_cost, by the table of the platform [RW-54]', async () => {
    const args = { model: xai, positivePrompt: 'a street', width: 2_752, height: 1_504 };

    const dear = await call('run', { ...args, max_cost: 0.06 });
    const fits = await call('run', { ...args, max_cost: '0.07' });
    const dry = await call('run', { ...args, numberResults: 3, dry_run: true });

    expect(textOf(dear)).toMatch(/^\[quota\] It may cost 0\.07; max_cost is 0\.06/);
    expect(fits.isError).toBeUndefined();
    expect(textOf(dry)).toContain('Cost: at most $0.21.');
    expect(sentOf('imageInference')).toHaveLength(1);
  });

  it('never runs twice for one taskUUID of the caller, or for one client_ref', async () => {
    const taskUUID = '7d1cf2f0-6d6c-4f6f-9d6b-3a1c5b8f9e10';
    const args = { model: flux, positivePrompt: 'once' };

    const results = [await call('run', { ...args, taskUUID }), await call('run', { ...args, taskUUID })];
    await call('run', { ...args, client_ref: 'mine' });
    await call('run', { ...args, client_ref: 'mine' });

    expect(sentOf('imageInference')).toHaveLength(2);
    expect(results.map(textOf).at(-1)).toContain('this is the existing task');
    expect(textOf(await call('get_task_details', { taskUUID }))).toContain('once');
  });

  it('says to the platform what every task may say, and has files of what comes as base64', async () => {
    const result = await call('run', {
      model: flux,
      positivePrompt: 'a boat',
      outputType: 'base64Data',
      ttl: '60',
      includeCost: false,
      deliveryMethod: 'sync',
    });
    const wrong = await call('run', { model: flux, positivePrompt: 'a boat', outputType: 'nonsense' });

    expect(textsOf(result)[0]).toMatch(/^Image URL: http/);
    expect(sentOf('imageInference')).toMatchObject([
      { outputType: 'base64Data', ttl: 60, includeCost: true, deliveryMethod: 'async' },
    ]);
    expect(textOf(wrong)).toContain('Parameter: outputType');
  });

  it('tells words, films and a failure in the forms of the product [RW-53]', async () => {
    const words = await call('run', { model: 'claude-opus-4-8', messages: [{ content: 'tell me a story' }] });
    const film = await call('run', { model: 'google:3@2', positivePrompt: 'a walk', duration: 8 });
    emulator.script({ states: ['failed'], failWith: { kind: 'content', message: 'not this' } });
    const blocked = await call('run', { model: flux, positivePrompt: 'something' });
    emulator.script({ refuse: 'no_credit' });
    const broke = await call('run', { model: flux, positivePrompt: 'something' });

    expect(JSON.parse(textsOf(words)[0] ?? '')).toMatchObject({
      taskType: 'textInference',
      text: 'Once upon a time.',
      finishReason: 'stop',
    });
    expect(textsOf(film)[0]).toMatch(/^Video URL: http/);
    expect(JSON.parse(textsOf(film)[1] ?? '')).toMatchObject({ seed: 7, cost: 3.2 });
    expect(textOf(blocked)).toMatch(/^\[safety\] not this/);
    expect(textOf(broke)).toMatch(/^\[quota\] /);
    expect(textOf(broke)).toMatch(/top up/i);
  });
});

describe('get_task_details', () => {
  it('has what the call gave, by the taskUUID that it told [RW-30]', async () => {
    const made = textsOf(
      await call('run', { model: xai, positivePrompt: 'a street', width: 1_024, height: 1_024 }),
    );
    const facts = JSON.parse(made[1] ?? '') as JsonObject;

    const [details = '', report] = textsOf(await call('get_task_details', { taskUUID: facts.taskUUID }));

    const { taskUUID, seed, cost, imageUUID } = facts;
    expect(JSON.parse(details.replace('Task details:', ''))).toMatchObject({
      taskType: 'getTaskDetails',
      taskUUID,
      request: [{ taskType: 'imageInference', model: xai, positivePrompt: 'a street', width: 1_024 }],
      response: {
        data: [{ imageURL: made[0]?.replace('Image URL: ', ''), seed, cost, imageUUID, taskUUID }],
      },
    });
    expect(report).toBe(made.at(-1));
  });

  it('follows a task that goes on to its end', async () => {
    emulator.script({ states: ['running'] });
    const going = textOf(await call('run', { model: flux, positivePrompt: 'slow', wait_seconds: 1 }));
    const [, id = ''] = /get_task_details\(taskUUID="([^"]+)"\)/.exec(going) ?? [];
    const meanwhile = await call('get_task_details', { taskUUID: id });

    expect(going).toContain('goes on; nothing is lost');
    expect(meanwhile.isError).toBeUndefined();
    expect(textOf(meanwhile)).toContain('Do not run it again');
    for (const job of emulator.jobs.values()) job.state = 'succeeded';
    await expect
      .poll(async () => textOf(await call('get_task_details', { taskUUID: id })))
      .toMatch(/Generated in .* Cost: \$0\.0013/);
  });

  it('asks the platform for a task that is no run here, and says that there is none', async () => {
    const taskUUID = '9dfa40d8-cfa3-4507-b7b8-0d0c99e7ea72';
    const headers = { ...emulator.authorization(), 'content-type': 'application/json' };
    const task = { taskType: 'imageInference', taskUUID, model: flux, positivePrompt: 'from elsewhere' };
    await fetch(emulator.base(), { method: 'POST', headers, body: JSON.stringify([task]) });

    const elsewhere = await call('get_task_details', { taskUUID });
    const none = await call('get_task_details', { taskUUID: '11111111-1111-4111-8111-111111111111' });

    expect(textOf(elsewhere)).toContain('from elsewhere');
    expect(textOf(none)).toMatch(/^\[notFound\] No task found for taskUUID: 11111111/);
  });

  it("shows nobody else's task, nor the account and files behind a key that is shared", async () => {
    const made = textsOf(await call('run', { model: flux, positivePrompt: 'mine alone' }));
    const { taskUUID } = JSON.parse(made[1] ?? '') as JsonObject;
    const bob: Principal = { ...localPrincipal, subject: 'bob', grant_id: 'grant_bob', kind: 'api_key' };

    const theirs = await callAs(bob, 'get_task_details', { taskUUID });
    const account = await callAs(bob, 'account', { operation: 'getDetails' });
    const deleted = await callAs(bob, 'media_storage', { operation: 'delete', media: 'some-uuid' });

    expect(textOf(theirs)).toMatch(/^\[notFound\]/);
    expect(sentOf('getTaskDetails')).toEqual([]);
    expect(textOf(account)).not.toContain('ada@example.com');
    expect(deleted.isError).toBe(true);
    expect(sentOf('mediaStorage')).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('lists curated models by weight, with identifiers that run takes [RW-21][RW-22][RW-23][RW-24]', async () => {
    const [listed = ''] = textsOf(
      await call('list_models', { creator: 'xai', capability: 'io:text-to-image' }),
    );
    const lines = listed.split('\n');

    expect(lines[0]).toBe('Curated models (2):');
    expect(lines[2]).toMatch(
      /^Grok Imagine Image Quality \(xai:grok-imagine@image-quality\) — .+ \[io:text-to-image, .+\] — \$0\.05 at 1K, \$0\.07 at 2K$/,
    );
    expect(lines[3]).toContain('(xai:grok-imagine@image)');
    for (const args of [{ category: 'video' }, { search: 'veo' }, { category: 'video', creator: 'google' }])
      expect(textOf(await call('list_models', args))).toContain('google:3@2');
    expect(textOf(await call('list_models', { category: 'video' }))).not.toContain(xai);
    expect(textOf(await call('list_models', { search: 7, creator: null }))).toContain('Curated models (8):');
    expect(textOf(await call('list_models', { category: 'bogus' }))).toContain('Curated models (0):');
  });

  it('tells one model whole, by AIR or slug, and of one that it does not have that there is none [RW-25]', async () => {
    const byAir = JSON.parse(textOf(await call('model_details', { air: xai })));
    const bySlug = JSON.parse(textOf(await call('model_details', { air: 'xai-grok-imagine-image-quality' })));
    const none = await call('model_details', { air: 'nope:1@1' });

    expect(byAir).toMatchObject({ air: xai, creator: 'xai', coverImage: 'https://example.com/cover.png' });
    expect(byAir).toMatchObject({ name: expect.any(String), description: expect.any(String), weight: 60 });
    expect(bySlug).toEqual(byAir);
    expect(none.isError).toBe(true);
    expect(textOf(none)).toContain('No curated model found for AIR: nope:1@1');
  });

  it('shows curated requests and their results, which cost nothing [RW-26][RW-55]', async () => {
    const shown = textOf(await call('model_examples', { air: 'flux-1-dev-srpo' }));
    const second = textOf(await call('model_examples', { air: 'flux-1-dev-srpo', limit: 1, offset: 1 }));
    const none = await call('model_examples', { air: 'flux-1-dev-srpo', capability: 'op:upscale' });

    expect(shown.split('\n')[0]).toBe('Examples for FLUX.1 Dev SRPO (runware:srpo@1):');
    expect(second).toMatch(/\n2\. \{"id":"street"/);
    expect(second).toContain('model_examples(air="runware:srpo@1", offset=2)');
    expect(textOf(none)).toBe('No examples found for FLUX.1 Dev SRPO (runware:srpo@1)');
    expect(none.isError).toBeUndefined();
    expect(sentTasks()).toEqual([]);
  });

  it('tells prices as the platform lists them [RW-27]', async () => {
    const said = textOf(await call('model_pricing', { air: xai }));

    expect(said.split('\n')[0]).toBe(`Pricing for Grok Imagine Image Quality (${xai}):`);
    expect(JSON.parse(said.slice(said.indexOf('{')))).toMatchObject({
      pricingOverview: '$0.05 at 1K, $0.07 at 2K',
      pricingExamples: [
        { configuration: '1k', price: '$0.05' },
        { configuration: '2k', price: '$0.07' },
      ],
    });
  });

  it('has the whole taxonomy with its labels [RW-28]', async () => {
    const said = textOf(await call('list_capabilities', {}));

    expect(said).toContain('Available capabilities (9):');
    expect(said).toContain(`${'io:text-to-image'.padEnd(28)} — Text to image`);
    for (const family of ['io:', 'op:', 'form:']) expect(said).toContain(`\n${family}`);
  });

  it('has the schema of a model as a resource and as text, with every field that a caller may set [RW-29]', async () => {
    const result = await call('model_schema', { model: xai });
    const schema = JSON.parse(textsOf(result)[0] ?? '') as JsonObject;
    const link = result.content.find(({ type }) => type === 'resource_link');

    expect(Object.keys(schema.properties as JsonObject)).toEqual(
      expect.arrayContaining(['model', 'outputType', 'ttl', 'includeCost', 'positivePrompt', 'width']),
    );
    for (const hidden of ['taskType', 'taskUUID', 'webhookURL', 'deliveryMethod'])
      expect(schema.properties).not.toHaveProperty(hidden);
    expect(schema.required).toEqual(['model', 'positivePrompt']);
    expect(schema).toHaveProperty('$defs');
    expect(link).toMatchObject({
      mimeType: 'application/schema+json',
      uri: expect.stringContaining('native-schema'),
    });
    expect(textOf(await call('model_schema', { model: 'nope:1@1' }))).toContain(
      'No schema found for model: nope:1@1',
    );
  });

  it('finds models of the community [RWD-01]', async () => {
    const found = textOf(await call('model_search', { search: 'xl', category: 'lora' }));

    expect(found).toBe(
      'Found 1 model(s):\n\nAIR: civitai:120096@135931 | Name: Pixel Art XL | Version: v1.1 | Category: lora | Architecture: sdxl | Tags: pixel art, xl',
    );
    expect(textOf(await call('model_search', { search: 'none' }))).toBe('No models found.');
  });
});

describe('the account', () => {
  it('tells what is left and used, to whoever asks to check it [RW-51][RWD-01]', async () => {
    const said = textOf(await call('account', { operation: 'getDetails' }));

    expect(said).toMatch(/^Account info:\n\n\{/);
    expect(JSON.parse(said.replace('Account info:', ''))).toMatchObject({
      balance: { amount: 12.5, currency: 'USD' },
    });
  });

  it('stores media and deletes it, and registers weights, each sent once [RWD-01]', async () => {
    const stored = textOf(
      await call('media_storage', { operation: 'upload', media: 'https://example.com/a.png' }),
    );
    const { mediaUUID } = JSON.parse(stored.replace('Media stored:', '')) as JsonObject;
    const gone = textOf(await call('media_storage', { operation: 'delete', media: mediaUUID }));
    const uploaded = await call('model_upload', {
      ...{ category: 'lora', architecture: 'sdxl', format: 'safetensors', name: 'Mine', version: '1' },
      downloadURL: 'https://example.com/mine.safetensors',
    });

    expect(gone).toMatch(/^Media deleted:/);
    expect(textOf(uploaded)).toMatch(/^Model upload initiated:\n\n\{/);
    expect(textOf(uploaded)).toContain('"status": "validated"');
    expect(sentTasks().map(({ taskType }) => taskType)).toEqual([
      'mediaStorage',
      'mediaStorage',
      'modelUpload',
    ]);
  });
});

describe('the flows of the product\u2019s own document', () => {
  /** Calls and tokens of a flow, as an agent pays for them. */
  async function flow(steps: [string, JsonObject | ((before: string[]) => JsonObject)][]) {
    const said: string[] = [];
    for (const [name, args] of steps)
      said.push(textOf(await call(name, typeof args === 'function' ? args(said) : args)));
    return { said, calls: said.length, tokens: said.reduce((sum, one) => sum + encode(one).length, 0) };
  }

  it('find, price, run, report: three calls [RW-02][RW-33]', async () => {
    const { said, tokens } = await flow([
      ['list_models', { creator: 'xai', capability: 'io:text-to-image' }],
      ['model_pricing', ([list = '']) => ({ air: /\((xai:[^)]+)\)/.exec(list)?.[1] })],
      [
        'run',
        {
          model: xai,
          taskType: 'imageInference',
          positivePrompt: 'a cyberpunk street',
          width: 2_752,
          height: 1_504,
        },
      ],
    ]);

    expect(said[1]).toContain('$0.05 at 1K, $0.07 at 2K');
    expect(said[2]).toContain('Cost: $0.07.');
    expect(tokens).toBeLessThan(1_200);
  });

  it('the third example again, with another prompt: four calls [RW-34]', async () => {
    const { said, tokens } = await flow([
      ['list_models', { search: 'flux 1 dev srpo' }],
      ['model_examples', { air: 'flux-1-dev-srpo' }],
      [
        'model_examples',
        ([, first = '']) => ({ air: 'flux-1-dev-srpo', offset: /offset=(\d+)/.exec(first)?.[1] }),
      ],
      [
        'run',
        ([, , examples = '']) => {
          const third = examples.split('\n').find((line) => line.startsWith('3. ')) ?? '';
          const { request } = JSON.parse(third.slice(3)) as { request: JsonObject };
          return { ...request, positivePrompt: 'an orchard in October' };
        },
      ],
    ]);

    expect(said[3]).toContain('Generated in');
    expect(sentOf('imageInference')).toMatchObject([
      { positivePrompt: 'an orchard in October', width: 1_024, height: 768, steps: 28 },
    ]);
    expect(tokens).toBeLessThan(1_200);
  });

  it('prices of every Veo model side by side: a call for each, and one for the list [RW-35]', async () => {
    const { said, tokens } = await flow([
      ['list_models', { category: 'video', search: 'veo' }],
      ['model_pricing', { air: 'google:3@2' }],
      ['model_pricing', { air: 'google:3@3' }],
    ]);

    expect(said[0]).toContain('google:3@3');
    expect(said.slice(1).map((one) => /8s · 1080p",\s*"price": "([^"]+)/.exec(one)?.[1])).toEqual([
      '$3.2',
      '$1.2',
    ]);
    expect(tokens).toBeLessThan(1_000);
  });
});

describe('beside the canonical tools', () => {
  it('run leads to the operation of run_model, and to the same request of the platform', async () => {
    const input = { positivePrompt: 'a boat', width: 512, height: 512 };

    await call('run', { model: flux, ...input });
    await call('inferry/run_model', { model: `runware/${flux}`, input });
    await call('inferry/run_model', { model: flux, input });

    const without = sentOf('imageInference').map(({ taskUUID: _id, ...task }) => task);
    expect(without).toHaveLength(3);
    expect(new Set(without.map((task) => JSON.stringify(task))).size).toBe(1);
    expect(toolOf('runware/run')?.operation).toBe(toolOf('inferry/run_model')?.operation);
  });

  it('list_models and model_schema lead to the operations of their counterparts, and ask the platform for nothing', async () => {
    const pairs = [
      ['runware/list_models', 'inferry/search_models'],
      ['runware/model_schema', 'inferry/get_model'],
    ] as const;

    const own = await call('list_models', { category: 'image' });
    const same = await call('inferry/search_models', { provider: 'runware', category: 'image', limit: 100 });

    for (const [one, other] of pairs) expect(toolOf(one)?.operation).toBe(toolOf(other)?.operation);
    const ids = (same.structuredContent.items as { model: string }[]).map(({ model }) =>
      model.replace('runware/', ''),
    );
    for (const id of ids) expect(textOf(own)).toContain(id);
    expect(emulator.requests.filter(({ kind }) => kind !== 'status')).toEqual([]);
  });
});
