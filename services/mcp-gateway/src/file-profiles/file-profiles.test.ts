import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AppError,
  callOf,
  catalogChanged,
  getModel,
  getRun,
  hint,
  runBatch,
  runModel,
} from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listenAt } from '../protocol/test-listening.ts';
import { startTestGateway, type TestGateway } from '../test-gateway.ts';
import { pinFaults } from './create-file-profile.ts';
import { readProfileFile } from './profile-file.ts';

const within = { timeout: 10_000, interval: 50 };
const acme = `title: Acme
limits:
  models: [p/a, p/b]
  max_cost: 0.5
models:
  draw:
    model: p/a
    defaults: { size: 1 }
    fixed: { seed: 7 }
    client_ref: retry_key
tools:
  run_model: { name: run_any }
  get_run: { name: follow_up }
`;

describe('a file of a profile', () => {
  it.each([
    ['title: A\ntool:\n  get_run:\n', 'acme.yaml:2: tool is not known: did you mean tools?'],
    [
      'title: A\ntools:\n  get_model:\n  get_rum:\n',
      'acme.yaml:4: there is no tool get_rum: did you mean get_run?',
    ],
    ['title: A\ntools:\n  get_run: { hide: [wait_second] }\n', 'did you mean wait_seconds?'],
    [
      'title: A\ntools:\n  get_run:\n    fixed:\n      runid: 1\n',
      'acme.yaml:5: get_run has no argument runid',
    ],
    [
      'title: A\nlimits: { readonly: true }\nmodels:\n  draw: { model: p/a }\n',
      'acme.yaml:4: draw runs a model',
    ],
    [
      'title: A\nlimits: { providers: [q] }\nmodels:\n  draw:\n    model: p/a\n',
      'acme.yaml:5: p/a is not within',
    ],
    [
      'title: A\nlimits: { models: [q/a] }\ntools:\n  search_models:\n',
      'acme.yaml:4: search_models cannot be held',
    ],
    [
      'title: A\nmodels:\n  draw: { model: p/a }\ntools:\n  get_run: { name: draw }\n',
      'acme.yaml:5: draw is the name of two',
    ],
    ['title: A\n', 'acme.yaml:1: has neither tools nor models'],
    [
      '{"title": "A",\n "tools": {"get_run": {"nam": "x"}}}',
      'acme.yaml:2: tools.get_run.nam is not known: did you mean name?',
    ],
    ['title: [A\ntools: {}\n', 'acme.yaml:2: '],
  ])('is told apart with its line: %j', (content, problem) => {
    const { spec, problems } = readProfileFile('/x/acme.yaml', content);

    expect(spec).toBeUndefined();
    expect(problems.join('\n')).toContain(problem);
  });

  it('has no name that is taken or no mount can have', () => {
    expect(readProfileFile('runware.yaml', acme).problems[0]).toContain('is a profile of the product');
    expect(readProfileFile('My File.yaml', acme).problems[0]).toContain('is no name of a mount');
    expect(readProfileFile('acme.yaml', acme).problems).toEqual([]);
  });
});

describe('what a file sets of a model', () => {
  const schema = {
    type: 'object',
    properties: {
      prompt: { type: 'string' },
      size: { type: 'integer' },
      style: { enum: ['pen', 'oil'] },
      seed: { type: ['integer', 'null'] },
      client_ref: { type: 'string' },
    },
    required: ['prompt'],
  };

  it.each([
    [{ defaults: { siz: 1 } }, ['defaults', 'siz'], 'p/a has no input siz: did you mean size?'],
    [{ defaults: { size: 'big' } }, ['defaults', 'size'], 'size of p/a is integer'],
    [{ fixed: { style: 'pne' } }, ['fixed', 'style'], 'style of p/a is one of pen, oil: did you mean pen?'],
    [{ hide: ['prompt'] }, ['hide'], 'p/a needs prompt: give it under fixed'],
    [{ hide: ['promt'] }, ['hide'], 'did you mean prompt?'],
    [{ client_ref: true }, ['client_ref'], 'p/a has an input client_ref: give client_ref another name'],
  ])('%j is told apart where it stands', (pin, at, message) => {
    const faults = pinFaults({ model: 'p/a', ...pin }, { schema });

    expect(faults).toEqual([{ at, message: expect.stringContaining(message) }]);
  });

  it('is sound where the schema has it', () => {
    const pin = { defaults: { size: 2, seed: null }, fixed: { style: 'oil' }, client_ref: 'ref' };

    expect(pinFaults({ model: 'p/a', ...pin }, { schema })).toEqual([]);
  });
});

describe('a mount of a file', () => {
  let folder: string;
  let gateway: TestGateway;
  let ran: unknown[];
  let fields: string[];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'inferry-files-'));
    writeFileSync(join(folder, 'acme.yaml'), acme);
    [ran, fields] = [[], ['prompt', 'size', 'seed']];
    gateway = await startTestGateway({
      env: { PROFILES_FOLDER: folder },
      serve(services) {
        services.serve(runModel, async (input) => {
          ran.push(input);
          return { run: { run_id: 'run_1', status: 'running' as const } };
        });
        services.serve(runBatch, async ({ model, max_cost: most }) => {
          ran.push({ batch: model, max_cost: most });
          return {};
        });
        services.serve(getRun, async ({ run_id: id }) => {
          throw new AppError('run_not_found', 'It is not there.', {
            nextAction: hint`Ask again with ${callOf(getRun, { run_id: id })}.${hint` Or ${callOf(getModel)}.`}`,
          });
        });
        services.serve(getModel, async ({ model }) => {
          if (model !== 'p/a' || fields.length === 0) throw new AppError('model_not_found', 'There is none.');
          const properties = Object.fromEntries(fields.map((name) => [name, {}]));
          return { schema: { type: 'object', properties, required: ['prompt', 'seed'] } };
        });
      },
    });
    await vi.waitFor(async () => expect(await names()).toContain('draw'), within);
  });
  afterEach(async () => {
    await gateway.close();
    rmSync(folder, { recursive: true });
  });

  const at = () => `${gateway.url}/acme`;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  const ask = async (method: string, params: object = {}): Promise<any> => {
    const response = await fetch(at(), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const { result }: any = await response.json();
    return result;
  };
  const names = async () => (await ask('tools/list')).tools.map(({ name }: { name: string }) => name);
  const use = (name: string, args: object) => ask('tools/call', { name, arguments: args });

  it('makes a call of a pinned model the run of it, at no more than the file allows', async () => {
    await use('draw', { prompt: 'a fox' });
    await use('draw', { prompt: 'a fox', size: 2 });

    expect(ran).toMatchObject([
      { model: 'p/a', input: { prompt: 'a fox', size: 1, seed: 7 }, max_cost: 0.5 },
      { model: 'p/a', input: { prompt: 'a fox', size: 2, seed: 7 }, max_cost: 0.5 },
    ]);
  });

  it('takes a key for a safe retry beside the input, by the name that the file gives it', async () => {
    const { tools } = await ask('tools/list');
    await use('draw', { prompt: 'a fox', retry_key: 'one' });

    expect(Object.keys(tools[0].inputSchema.properties)).toEqual(['prompt', 'size', 'retry_key']);
    expect(ran).toEqual([
      { model: 'p/a', input: { prompt: 'a fox', size: 1, seed: 7 }, client_ref: 'one', max_cost: 0.5 },
    ]);
  });

  it('holds a run of any model to the models and the cost, however they are written', async () => {
    await use('run_any', { model: 'p/b', input: {} });
    await use('run_any', { model: 'p/b', input: {}, max_cost: '9' });
    await use('run_any', { model: 'p/b', input: {}, max_cost: 0.1 });
    const refused = await use('run_any', { model: 'p/c', input: {} });

    expect(ran).toMatchObject([{ max_cost: 0.5 }, { max_cost: 0.5 }, { max_cost: 0.1 }]);
    expect(refused.structuredContent.error).toMatchObject({ code: 'forbidden' });
  });

  it('holds a batch to the models, and all of its runs to the cost of one', async () => {
    writeFileSync(join(folder, 'acme.yaml'), `${acme}  run_batch:\n  get_batch:\n  cancel_batch:\n`);
    await vi.waitFor(async () => expect(await names()).toContain('run_batch'), within);

    await use('run_batch', { model: 'p/b', inputs: [{}] });
    await use('run_batch', { model: 'p/b', inputs: [{}], max_cost: 0.1 });
    const refused = await use('run_batch', { model: 'p/c', inputs: [{}] });

    expect(ran).toEqual([
      { batch: 'p/b', max_cost: 0.5 },
      { batch: 'p/b', max_cost: 0.1 },
    ]);
    expect(refused.structuredContent.error).toMatchObject({ code: 'forbidden' });
  });

  it('says the next call with the names of the file, and leaves out what it has no tool for', async () => {
    const { content, structuredContent } = await use('follow_up', { run_id: 'run_2' });

    expect(structuredContent.error.next_action).toBe('Ask again with follow_up(run_id="run_2").');
    expect(content[0].text).toContain('follow_up(run_id="run_2")');
  });

  it('lists a pinned model while the catalog has it, and tells who listens', async () => {
    const listening = await listenAt({ ...gateway, url: at() }, { toolsListChanged: true });
    fields = [];
    gateway.services.publish(catalogChanged, { provider: 'p', version: 2 });
    await vi.waitFor(async () => expect(await names()).toEqual(['run_any', 'follow_up']), within);
    await vi.waitFor(() => expect(listening.text).toContain('notifications/tools/list_changed'), within);
    listening.stop();

    fields = ['prompt', 'size', 'seed', 'style'];
    gateway.services.publish(catalogChanged, { provider: 'p', version: 3 });

    await vi.waitFor(
      async () => expect((await ask('tools/list')).tools[0].inputSchema.properties).toHaveProperty('style'),
      within,
    );
  });
});
