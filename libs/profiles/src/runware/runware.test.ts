import {
  type AnyTool,
  callOf,
  cancelRun,
  errorCodes,
  getAccount,
  getRun,
  inWords,
  parseArguments,
  runModel,
  searchModels,
} from '@inferry/contracts';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { runware } from './profile.ts';

function toolNamed(name: string): AnyTool {
  const tool = runware.tools.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  return tool;
}

const toInput = (name: string, args: object) => {
  const tool = toolNamed(name);
  return tool.toInput?.(parseArguments(tool, args), { args: undefined, words: runware.words });
};

describe("Runware's own server", () => {
  it('has the eight tools of its document, then the four added since [RWD-01]', () => {
    expect(runware.tools.map(({ name }) => name)).toEqual([
      ...['run', 'list_models', 'model_details', 'model_examples', 'model_pricing', 'list_capabilities'],
      ...['model_schema', 'get_task_details'],
      ...['model_search', 'media_storage', 'model_upload', 'account'],
    ]);
  });

  it('has the arguments of the product, and of them those that it requires', () => {
    const argumentsOf = runware.tools.map(({ name, inputSchema: { properties, required = [] } }) => [
      name,
      Object.keys(Object(properties)),
      required,
    ]);

    expect(argumentsOf).toEqual([
      ['run', ['model'], ['model']],
      ['list_models', ['capability', 'category', 'creator', 'search'], []],
      ['model_details', ['air'], ['air']],
      ['model_examples', ['air', 'capability'], ['air']],
      ['model_pricing', ['air'], ['air']],
      ['list_capabilities', [], []],
      ['model_schema', ['model'], ['model']],
      ['get_task_details', ['taskUUID'], ['taskUUID']],
      ['model_search', ['search', 'category', 'type', 'architecture', 'tags'], ['search']],
      ['media_storage', ['operation', 'media'], ['operation', 'media']],
      [
        'model_upload',
        ['category', 'architecture', 'format', 'name', 'version', 'downloadURL', 'air'],
        ['category', 'architecture', 'format', 'name', 'version', 'downloadURL'],
      ],
      ['account', ['operation', 'includeCost'], ['operation']],
    ]);
  });

  it('says of each tool whether it only reads, and whether it takes something away', () => {
    const hints = Object.fromEntries(
      runware.tools.map(({ name, annotations }) => [
        name,
        [annotations.readOnlyHint, annotations.destructiveHint],
      ]),
    );

    expect(hints).toMatchObject({
      run: [false, false],
      media_storage: [false, true],
      model_upload: [false, false],
      list_models: [true, false],
      get_task_details: [true, false],
      account: [true, false],
    });
  });

  it('costs an agent less than 1,500 tokens for its list, and little for its instructions', () => {
    const listed = runware.tools.map(({ name, description, inputSchema }) =>
      JSON.stringify({ name, description, inputSchema }),
    );
    const tokens = listed.reduce((sum, text) => sum + encode(text).length, 0);

    expect(tokens).toBeLessThan(1_500);
    expect(runware.instructions('Runware').length).toBeLessThan(2_000);
  });

  it('has one of the product\u2019s codes for each of ours', () => {
    const known =
      'validation auth quota rateLimit safety provider timeout notFound serverError connection aborted unknown'.split(
        ' ',
      );

    const { codes } = toolNamed('run').profile;

    for (const code of Object.keys(errorCodes)) expect(known, code).toContain(codes[code]);
  });

  it('takes the parameters of a task apart from what is said about the run', () => {
    const given = {
      model: 'flux-1-dev',
      taskType: 'imageInference',
      positivePrompt: '2026',
      width: '1024',
      lora: [{ model: 'civitai:1@2', weight: 0.8 }],
      max_cost: '0.1',
      wait_seconds: 5,
      dry_run: 'true',
      webhookURL: 'https://example.com/hook',
      ttl: '90',
      includeCost: 'true',
    };

    // A prompt of digits stays words: the schema of the model says what is a number.
    expect(toInput('run', given)).toEqual({
      model: 'runware/flux-1-dev',
      input: { positivePrompt: '2026', width: '1024', lora: [{ model: 'civitai:1@2', weight: 0.8 }] },
      options: { task_type: 'imageInference', webhook_url: 'https://example.com/hook', media_ttl: 90 },
      with_native: true,
      ...{ max_cost: 0.1, wait_seconds: 5, dry_run: true },
    });
  });

  it('ignores filters that are no text, as the product does', () => {
    expect(toInput('list_models', { search: 5, creator: ['xai'], category: null })).toEqual({
      provider: 'runware',
      with_names: true,
    });
  });

  it.each([
    [callOf(getRun, { run_id: 'run_1', wait_seconds: 25 }), 'get_task_details(taskUUID="run_1")'],
    [callOf(searchModels, { query: 'veo', provider: 'runware' }), 'list_models(search="veo")'],
    [callOf(runModel, { model: undefined }), 'run(model)'],
    [callOf(getAccount), 'account(operation="getDetails")'],
    [callOf(cancelRun, { run_id: 'run_1' }), ''],
  ])('says a call in its own words', (said, expected) => {
    expect(inWords(said, runware.words)).toBe(expected);
  });
});
