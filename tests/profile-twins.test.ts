/** Each tool of a profile beside its canonical counterpart: the same request is the same operation and the same calls of the platform. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import {
  type AnyOperation,
  type JsonObject,
  listCapabilities,
  localPrincipal,
  maxShortBytes,
  readModelRecord,
  readPlatformAccount,
  searchCommunity,
  storeMedia,
  type ToolResult,
  uploadWeights,
} from '@inferry/contracts';
import { profileOf, toolOf } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  type JobState,
  startEmulators,
} from '@inferry/testing/emulators';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const platforms = ['runflow', 'runware', 'modelrunner', 'runpod'];

/** What a call names: a tool by its id, or an operation that no canonical tool leads to. */
type Named = string | AnyOperation;
/** Ids of the calls before it, each by the name that its pair has. */
type Args = JsonObject | ((ids: Readonly<Record<string, string>>) => JsonObject);

/** One request in the words of a profile, and in those of this system. */
interface Pair {
  own: Call;
  twin: Call;
  /** Keeps the id that each answer has. */
  as?: string;
  /** A run that its answer only begins is looked at once it has ended. */
  isFollowed?: boolean;
  /** The twin looks at more than its counterpart, which makes calls by the platform's own word. */
  isPart?: boolean;
  /** The states of jobs from here on; without it they succeed at the first look. */
  states?: JobState[];
}

type Call = readonly [named: Named, args: Args];

const flux = 'flux/schnell';
const air = 'runware:100@1';
const sdxl = 'bytedance/sdxl-lightning-4step';
const fox = { prompt: 'a fox' };
const greeting = {
  alias: 'greeting',
  template: 'a picture of {{what}}',
  input: { type: 'object', required: ['what'], properties: { what: { type: 'string' } } },
  mappings: {},
};
const picture = Buffer.from('GIF89a').toString('base64');

const runflowPairs: Pair[] = [
  {
    own: ['runflow/list_models', { category: 'solution', limit: 5 }],
    twin: ['inferry/search_models', { provider: 'runflow', kind: 'solution', limit: 5 }],
  },
  {
    own: ['runflow/generate', { model: flux, input: fox }],
    twin: ['inferry/run_model', { model: `runflow/${flux}`, input: fox, wait_seconds: 600 }],
  },
];

const runwarePairs: Pair[] = [
  {
    own: ['runware/list_models', { category: 'image' }],
    twin: ['inferry/search_models', { provider: 'runware', category: 'image' }],
  },
  {
    own: ['runware/model_details', { air }],
    twin: [readModelRecord, { model: `runware/${air}`, part: 'about' }],
  },
  {
    own: ['runware/model_examples', { air }],
    twin: [readModelRecord, { model: `runware/${air}`, part: 'examples' }],
  },
  {
    own: ['runware/model_pricing', { air }],
    twin: [readModelRecord, { model: `runware/${air}`, part: 'prices' }],
  },
  { own: ['runware/list_capabilities', {}], twin: [listCapabilities, { provider: 'runware' }] },
  {
    own: ['runware/model_schema', { model: 'google:3@2' }],
    twin: ['inferry/get_model', { model: 'runware/google:3@2', sections: ['schema'] }],
  },
  {
    own: ['runware/model_search', { search: 'xl', category: 'lora' }],
    twin: [searchCommunity, { provider: 'runware', search: 'xl', category: 'lora' }],
  },
  {
    own: ['runware/run', { model: air, positivePrompt: 'a fox', width: '512', outputType: 'URL' }],
    twin: [
      'inferry/run_model',
      {
        model: `runware/${air}`,
        input: { positivePrompt: 'a fox', width: 512 },
        options: { output_type: 'URL' },
        wait_seconds: 600,
      },
    ],
    as: 'task',
  },
  {
    own: ['runware/get_task_details', ({ task }) => ({ taskUUID: task })],
    twin: ['inferry/get_run', ({ task }) => ({ run_id: task })],
  },
  {
    own: ['runware/media_storage', { operation: 'upload', media: 'https://example.com/a.png' }],
    twin: [storeMedia, { provider: 'runware', operation: 'upload', media: 'https://example.com/a.png' }],
  },
  {
    own: ['runware/model_upload', weights()],
    twin: [uploadWeights, { provider: 'runware', weights: weights() }],
  },
  {
    own: ['runware/account', { operation: 'getDetails' }],
    twin: [readPlatformAccount, { provider: 'runware' }],
  },
];

function weights(): JsonObject {
  const downloadURL = 'https://example.com/mine.safetensors';
  const facts = { category: 'lora', architecture: 'sdxl', format: 'safetensors' };
  return { ...facts, name: 'Mine', version: '1', downloadURL };
}

const mr = (name: string) => `modelrunner/${name}`;
const wrapper = 'me/greeting';

const modelrunnerPairs: Pair[] = [
  {
    own: [mr('list_models'), { search: 'sdxl', page: 1 }],
    twin: ['inferry/search_models', { provider: 'modelrunner', kind: 'model', query: 'sdxl' }],
  },
  {
    own: [mr('recommended_models'), { category: 'image' }],
    twin: ['inferry/search_models', { provider: 'modelrunner', featured: true, category: 'image' }],
  },
  {
    own: [mr('get_model'), { endpoint: sdxl }],
    twin: ['inferry/get_model', { model: mr(sdxl), sections: ['summary', 'inputs', 'pricing', 'examples'] }],
  },
  {
    own: [mr('get_model_raw_schema'), { endpoint: 'kling/v2/image-to-video' }],
    twin: ['inferry/get_model', { model: mr('kling/v2/image-to-video'), sections: ['schema'] }],
  },
  {
    own: [mr('search'), { query: 'picture' }],
    twin: ['inferry/search_models', { provider: 'modelrunner', query: 'picture', limit: 25 }],
  },
  {
    own: [mr('run_model'), { endpoint: sdxl, input: fox, metadata: { project: 'den' } }],
    twin: [
      'inferry/run_model',
      { model: mr(sdxl), input: fox, metadata: { project: 'den' }, wait_seconds: 0 },
    ],
    ...{ as: 'request', isFollowed: true },
  },
  {
    own: [mr('wait_for_request'), ({ request }) => ({ requestId: request })],
    twin: ['inferry/get_run', ({ request }) => ({ run_id: request, wait_seconds: 120 })],
  },
  {
    own: [mr('get_request'), ({ request }) => ({ requestId: request })],
    twin: ['inferry/get_run', ({ request }) => ({ run_id: request })],
  },
  {
    own: [mr('list_my_requests'), { modelEndpoint: sdxl, status: 'COMPLETED', limit: 5 }],
    twin: ['inferry/list_runs', { model: mr(sdxl), status: 'succeeded', limit: 5 }],
  },
  {
    own: [mr('create_upload_url'), { fileName: 'a.gif', contentType: 'image/gif', size: 6 }],
    twin: ['inferry/create_upload', { file_name: 'a.gif', content_type: 'image/gif', size: 6 }],
  },
  {
    own: [mr('upload_file'), { base64: picture, fileName: 'a.gif' }],
    twin: ['inferry/upload_file', { base64: picture, file_name: 'a.gif' }],
  },
  { own: [mr('wrapper_authoring_guide'), {}], twin: ['inferry/wrapper_guide', {}] },
  {
    own: [
      mr('preview_wrapper'),
      { promptTemplate: greeting.template, fieldMappings: greeting.mappings, sampleInput: { what: 'a fox' } },
    ],
    twin: [
      'inferry/preview_wrapper',
      {
        definition: { template: greeting.template, field_mappings: greeting.mappings },
        sample_input: { what: 'a fox' },
      },
    ],
  },
  {
    own: [
      mr('create_wrapper'),
      {
        ...{ alias: greeting.alias, name: 'Greeting', category: 'text-to-image', status: 'published' },
        schema: { components: { schemas: { Input: greeting.input } } },
        promptTemplate: greeting.template,
        defaultBaseModelId: sdxl,
        baseModels: [{ baseModelId: sdxl, fieldMappings: greeting.mappings }],
      },
    ],
    twin: [
      'inferry/create_wrapper',
      {
        status: 'published',
        definition: {
          ...{ alias: greeting.alias, title: 'Greeting', category: 'text-to-image' },
          input_schema: greeting.input,
          template: greeting.template,
          base_models: [{ model: mr(sdxl), mappings: {} }],
        },
      },
    ],
    as: 'wrapper',
  },
  {
    own: [mr('run_model'), { endpoint: wrapper, input: { what: 'an owl' } }],
    twin: ['inferry/run_model', { model: wrapper, input: { what: 'an owl' }, wait_seconds: 0 }],
    isFollowed: true,
  },
  {
    own: [mr('list_wrappers'), {}],
    twin: ['inferry/search_models', { provider: 'modelrunner', kind: 'wrapper' }],
  },
  {
    own: [mr('recommended_wrappers'), { category: 'image' }],
    twin: ['inferry/search_models', { kind: 'wrapper', featured: true, category: 'image' }],
  },
  {
    own: [mr('list_my_wrappers'), {}],
    twin: ['inferry/search_models', { kind: 'wrapper', mine: true }],
  },
  {
    own: [mr('get_wrapper'), { endpoint: wrapper }],
    twin: ['inferry/get_model', { model: wrapper, sections: ['summary', 'inputs', 'pricing', 'template'] }],
  },
  {
    own: [mr('get_wrapper_raw_schema'), { endpoint: wrapper }],
    twin: ['inferry/get_model', { model: wrapper, sections: ['schema'] }],
  },
  {
    own: [mr('get_wrapper_prompt_template'), { endpoint: wrapper }],
    twin: ['inferry/get_model', { model: wrapper, sections: ['template'] }],
  },
  {
    own: [mr('get_wrapper_field_mappings'), { endpoint: wrapper }],
    twin: ['inferry/get_model', { model: wrapper, sections: ['mappings'] }],
  },
  {
    own: [mr('patch_wrapper'), ({ wrapper: id }) => ({ id, shortDescription: 'Greets.' })],
    twin: ['inferry/patch_wrapper', ({ wrapper: id }) => ({ wrapper_id: id, patch: { summary: 'Greets.' } })],
  },
  {
    own: [mr('delete_wrapper'), ({ wrapper: id }) => ({ id })],
    twin: ['inferry/delete_wrapper', ({ wrapper: id }) => ({ wrapper_id: id })],
  },
];

const job = { endpointId: 'ep1' };
const endpoint = { provider: 'runpod', resource: 'endpoint', id: 'ep1' };
const ofJob = (args: Readonly<Record<string, string>>) => ({ ...job, jobId: args.job });
const ofRun = (args: Readonly<Record<string, string>>) => ({ run_id: args.job });

const jobPairsOf = (profile: string): Pair[] => [
  {
    own: [`${profile}/run-endpoint`, { ...job, input: fox }],
    twin: ['inferry/run_model', { model: 'runpod/ep1', input: fox, wait_seconds: 0 }],
    ...{ as: 'job', isFollowed: true, isPart: true },
  },
  {
    own: [`${profile}/get-job-status`, ofJob],
    twin: ['inferry/run_model', { model: 'runpod/ep1', input: fox, wait_seconds: 600 }],
    isPart: true,
  },
  {
    own: [`${profile}/run-endpoint`, { ...job, input: fox }],
    twin: ['inferry/run_model', { model: 'runpod/ep1', input: fox, wait_seconds: 1 }],
    ...{ as: 'job', isPart: true, states: ['running'] },
  },
  { own: [`${profile}/cancel-job`, ofJob], twin: ['inferry/cancel_run', ofRun], isPart: true },
  {
    own: [`${profile}/endpoint-health`, job],
    twin: ['inferry/infra_get', { ...endpoint, include: ['health'] }],
    isPart: true,
  },
  {
    own: [`${profile}/purge-endpoint-queue`, job],
    twin: ['inferry/infra_action', { ...endpoint, action: 'purge_queue' }],
  },
];

/** Calls of the platform that no run makes: it waits by looking, and what failed is a new run. */
const platformOnly = ['runsync-endpoint', 'stream-job', 'retry-job'];

const pairs: [profile: string, pairs: Pair[]][] = [
  ['runflow', runflowPairs],
  ['runware', runwarePairs],
  ['modelrunner', modelrunnerPairs],
  ['runpod', jobPairsOf('runpod')],
  ['runpod-4', jobPairsOf('runpod-4')],
];

/** The same system twice, each with platforms of its own: what a call finds in a cache, its twin finds too. */
interface World {
  emulators: Emulators;
  system: EmbeddedSystem;
  ids: Record<string, string>;
  close(): Promise<void>;
}

async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'inferry-twins-'));
  const definitions = emulatorDefinitions.filter(({ slug }) => platforms.includes(slug));
  const emulators = await startEmulators({ definitions, now: Date.now });
  const env = {
    ...emulatorVariables(emulators),
    PROVIDERS: platforms.join(),
    INFERRY_HOME: folder,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  const system = await startEmbedded(parseStartConfig(env), env);
  return {
    ...{ emulators, system, ids: {} },
    async close() {
      await system.close(1_000);
      await emulators.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function call({ system, ids }: World, [named, args]: Call): Promise<ToolResult> {
  const given = typeof args === 'function' ? args(ids) : args;
  const options = { principal: localPrincipal, wait: { defaultSeconds: 600, maxSeconds: 600 } };
  if (typeof named !== 'string') {
    // as: the reply of an operation, where its types do not matter.
    const reply = (await system.parts.bus.call(named, given, options)) as JsonObject;
    return { content: [], structuredContent: reply };
  }
  const tool = toolOf(named);
  if (tool === undefined) throw new Error(`there is no ${named}`);
  // as: every tool answers with a result.
  return JSON.parse(await system.parts.bus.callTool(tool, given, options)) as ToolResult;
}

/** What the platforms were asked since then, with ids that differ from run to run as one word, and looks at a job once. */
function askedOf({ emulators }: World, since: readonly number[]): string[] {
  const asked = platforms.flatMap((slug, at) => {
    const emulator = emulators.of(slug);
    const ids = new RegExp([...emulator.jobs.keys()].join('|') || '^$', 'g');
    return emulator.requests.slice(since[at]).map(({ method, path, base, query, body }) =>
      JSON.stringify([slug, base, method, path, query, body ?? null])
        .replace(ids, '<job>')
        .replace(/run_[\w-]{8,}/g, '<run>')
        .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
        .replaceAll(emulators.url, '<emulators>'),
    );
  });
  return [...new Set(asked)];
}

const counts = ({ emulators }: World) => platforms.map((slug) => emulators.of(slug).requests.length);

let own: World;
let twin: World;
beforeAll(async () => {
  [own, twin] = await Promise.all([openWorld(), openWorld()]);
  for (const world of [own, twin]) {
    for (const slug of platforms) {
      await vi.waitFor(async () => {
        const { structuredContent } = await call(world, ['inferry/search_models', { provider: slug }]);
        expect(JSON.stringify(structuredContent)).toContain(`${slug}/`);
      }, 20_000);
    }
  }
}, 60_000);
afterAll(() => Promise.all([own, twin].map((world) => world?.close())));

const idPattern = /"(?:requestId|run_id|wrapper_id|id)\\?": ?\\?"([\w-]+)|taskUUID\\?": ?\\?"([\w-]+)/;

function idOf(result: ToolResult): string {
  const [, id, task] = idPattern.exec(JSON.stringify(result)) ?? [];
  return task ?? id ?? 'none';
}

/** Documents and records are asked for whole. */
function asksForAll([named, args]: Call): boolean {
  const sections = typeof args === 'function' ? undefined : args.sections;
  return (
    Array.isArray(sections) ||
    (typeof named === 'string' && /schema$|guide$|_template$|_mappings$|infra_get$/.test(named))
  );
}

/** What the platforms were asked because of one call. */
async function asked(world: World, one: Call, { as, isFollowed, states = ['succeeded'] }: Pair) {
  for (const slug of platforms) world.emulators.of(slug).script({ states });
  const since = counts(world);
  const result = await call(world, one);
  expect([one[0], result.isError === true ? result.content : []]).toEqual([one[0], []]);
  const said = result.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
  if (!asksForAll(one)) expect(Buffer.byteLength(said), said).toBeLessThanOrEqual(maxShortBytes);
  const id = idOf(result);
  if (as !== undefined) world.ids[as] = id;
  if (isFollowed === true && id.startsWith('run_'))
    await call(world, ['inferry/get_run', { run_id: id, wait_seconds: 600 }]);
  const found = askedOf(world, since);
  if (isFollowed === true) expect(found).not.toEqual([]);
  return found;
}

function operationOf(named: Named): string | undefined {
  return typeof named === 'string' ? toolOf(named)?.operation.name : named.name;
}

describe.each(pairs)('%s', (profile, listed) => {
  it.each(listed.map((pair) => [String(pair.own[0]), operationOf(pair.twin[0]), pair] as const))(
    '%s asks the platform for what %s asks for, and says no more than it has to',
    async (_tool, _operation, pair) => {
      const [calls, twins] = await Promise.all([asked(own, pair.own, pair), asked(twin, pair.twin, pair)]);

      if (pair.isPart === true) expect(twins).toEqual(expect.arrayContaining(calls));
      else expect(calls).toEqual(twins);
    },
  );

  it('has no tool that is not among these, and each leads to the operation of its twin', () => {
    const isRunpod = profile.startsWith('runpod');
    const tools = (profileOf(profile)?.tools ?? []).filter(({ group }) => !isRunpod || group === 'jobs');
    const shown = new Set(listed.map(({ own: [named] }) => named));

    expect(tools.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual(
      isRunpod ? platformOnly.map((name) => `${profile}/${name}`) : [],
    );
    if (isRunpod) return;
    const other = listed.filter((pair) => operationOf(pair.own[0]) !== operationOf(pair.twin[0]));
    // A task that is no run here is looked up at the platform; one that is a run is that run.
    expect(other.map(({ own: [named] }) => named)).toEqual(
      profile === 'runware' ? ['runware/get_task_details'] : [],
    );
  });
});
