/** What people ask of agents, as the fewest calls that a careful agent makes of the canonical tools, and what it reads for them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedSystem, parseStartConfig, startEmbedded } from '@inferry/cli';
import { isObject, type JsonObject, localPrincipal, type ToolResult } from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import { freePort } from '@inferry/testing';
import {
  type Emulators,
  emulatorDefinitions,
  emulatorVariables,
  startEmulators,
} from '@inferry/testing/emulators';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

/** Of results alone: clients show their models the text, the structure, or both. */
interface Cost {
  calls: number;
  text: number;
  structured: number;
}

/** What is found depends on who is there. */
const met = ['local', 'comfyui', 'fal', 'openai', 'replicate', 'runpod', 'runware', 'modelrunner'];

let emulators: Emulators;
let system: EmbeddedSystem;
let home: string;

beforeAll(async () => {
  emulators = await startEmulators({ definitions: emulatorDefinitions });
  home = await mkdtemp(join(tmpdir(), 'inferry-flows-'));
  const env = {
    ...emulatorVariables(emulators),
    INFERRY_HOME: home,
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
  };
  system = await startEmbedded(parseStartConfig(env), env);
  const known = async (provider: string) => total(await answer('search_models', { provider, limit: 1 }));
  for (const provider of met) await vi.waitFor(async () => expect(await known(provider)).toBeGreaterThan(0));
}, 120_000);

afterAll(async () => {
  await system?.close(5_000);
  await emulators?.close();
  await rm(home, { recursive: true, force: true });
}, 60_000);

async function answer(name: string, args: JsonObject): Promise<ToolResult> {
  const tool = toolOf(`inferry/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  const wait = { defaultSeconds: 600, maxSeconds: 600 };
  const options = { principal: localPrincipal, wait, timeoutMs: 600_000 };
  return JSON.parse(await system.parts.bus.callTool(tool, args, options));
}

function total({ structuredContent }: ToolResult): number {
  const { page } = structuredContent;
  return isObject(page) && typeof page.total === 'number' ? page.total : 0;
}

/** Ids and signatures differ from run to run, and so do their tokens: the same letters are counted in their place. */
function tokensOf(text: string): number {
  const counted = text
    .replaceAll(/((?:run|asset)_)[\w-]{22}/g, (_found, kind: string) => kind + someLetters.slice(0, 22))
    .replaceAll(/([/=])([\w-]{22}|[\w-]{43})(?=[/'"\s)&]|$)/g, (found, before: string, letters: string) =>
      /\d/.test(letters) || /[A-Z]/.test(letters) ? before + someLetters.slice(0, letters.length) : found,
    );
  return encode(counted).length;
}

/** As many tokens as such letters mostly are. */
const someLetters = 'xlQFEcwUT2kZqxdDCixkWOX3PVDIJdDMom1oCoIeClJDVVuYlaiLn5yTHVbU0Cbx';

/** An agent that counts what it reads. */
function startAgent(): { call(name: string, args: JsonObject): Promise<string>; cost: Cost } {
  const cost: Cost = { calls: 0, text: 0, structured: 0 };
  async function call(name: string, args: JsonObject): Promise<string> {
    const { content, structuredContent, isError } = await answer(name, args);
    const said = content.map((item) => ('text' in item ? item.text : '')).join('\n');
    if (isError === true) throw new Error(said);
    const text = tokensOf(said);
    cost.calls += 1;
    cost.text += text;
    // Where there is no structure, clients show the text.
    cost.structured += structuredContent === undefined ? text : tokensOf(JSON.stringify(structuredContent));
    return said;
  }
  return { call, cost };
}

type Agent = ReturnType<typeof startAgent>;

/** One pixel. */
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Asks for an address, and does what its curl line does: no call of a tool, and nothing to read. */
async function upload({ call }: Agent): Promise<string> {
  const said = await call('create_upload', { file_name: '/home/ada/picture.png' });
  const [url = ''] = /http:\/\/[^\s'"]+/.exec(said) ?? [];
  const put = await fetch(url, { method: 'PUT', body: pixel });
  if (!put.ok) throw new Error(`PUT ${url}: ${put.status}`);
  return /asset_[\w-]{22}/.exec(said)?.[0] ?? '';
}

/** The first model that a search names, with the inputs that it has to be given. */
function firstOf(found: string): { model: string; needs: string } {
  const [, model = '', needs = ''] = /^- (\S+): .*? needs: (.*)$/m.exec(found) ?? [];
  return { model, needs };
}

interface Flow {
  asks: string;
  /** What it cost when it was first counted, on 2026-11-30. */
  before: Cost;
  most: Cost;
  go(agent: Agent): Promise<void>;
}

const flows: Flow[] = [
  {
    asks: 'enlarge this picture',
    before: { calls: 4, text: 594, structured: 1_034 },
    most: { calls: 3, text: 490, structured: 690 },
    async go(agent) {
      const { model, needs } = firstOf(await agent.call('search_models', { query: 'enlarge this picture' }));
      expect([model, needs]).toEqual(['local/upscale-2x', 'image']);
      const image = await upload(agent);
      expect(await agent.call('run_model', { model, input: { image } })).toContain('succeeded');
    },
  },
  {
    asks: 'read this sentence aloud',
    before: { calls: 3, text: 336, structured: 663 },
    most: { calls: 2, text: 255, structured: 375 },
    async go({ call }) {
      const { model } = firstOf(await call('search_models', { query: 'read this sentence aloud' }));
      expect(model).toBe('local/speech');
      expect(await call('run_model', { model, input: { text: 'Good morning.' } })).toContain('succeeded');
    },
  },
  {
    asks: 'what is in this picture, with its own eyes',
    before: { calls: 2, text: 271, structured: 355 },
    most: { calls: 2, text: 270, structured: 355 },
    async go(agent) {
      expect(await agent.call('view_output', { asset_id: await upload(agent) })).toContain('1 x 1');
    },
  },
  {
    asks: 'what is in this picture, by a model',
    before: { calls: 4, text: 1_097, structured: 2_199 },
    most: { calls: 3, text: 520, structured: 720 },
    async go(agent) {
      const found = await agent.call('search_models', { query: 'what is in this picture' });
      expect(found).toMatch(/^- local\/detect-objects: .* needs: image$/m);
      const image = await upload(agent);
      const run = await agent.call('run_model', { model: 'local/detect-objects', input: { image } });
      expect(run).toContain('succeeded');
    },
  },
  {
    asks: 'make a video from it',
    before: { calls: 4, text: 1_373, structured: 2_474 },
    most: { calls: 3, text: 620, structured: 820 },
    async go(agent) {
      const found = await agent.call('search_models', { query: 'make a video from a picture' });
      expect(found).toMatch(/^- local\/pan-and-zoom: .* needs: image$/m);
      const input = { image: await upload(agent), duration_seconds: 0.5, resolution: '360p', fps: 12 };
      expect(await agent.call('run_model', { model: 'local/pan-and-zoom', input })).toContain('succeeded');
    },
  },
  {
    asks: 'summarise this text',
    before: { calls: 3, text: 181, structured: 413 },
    most: { calls: 2, text: 120, structured: 220 },
    async go({ call }) {
      const { model } = firstOf(await call('search_models', { query: 'summarise this text' }));
      expect(model).toBe('local/summarize');
      const text = 'The harbour is old. It was built of granite in 1820. Ships bring coal and take slate.';
      expect(await call('run_model', { model, input: { text } })).toContain('succeeded');
    },
  },
  {
    asks: 'an image of a cat',
    before: { calls: 5, text: 1_815, structured: 3_631 },
    most: { calls: 2, text: 430, structured: 545 },
    async go({ call }) {
      const { model, needs } = firstOf(await call('search_models', { query: 'image of a cat' }));
      expect([model, needs]).toEqual(['comfyui/text-to-image', 'prompt']);
      expect(await call('run_model', { model, input: { prompt: 'a cat' } })).toContain('succeeded');
    },
  },
  {
    asks: 'what did I spend',
    before: { calls: 2, text: 1_234, structured: 1_236 },
    most: { calls: 1, text: 300, structured: 305 },
    async go({ call }) {
      expect(await call('get_account', {})).toMatch(/usage: .*"charged":/);
    },
  },
  {
    asks: 'show my last outputs',
    before: { calls: 6, text: 741, structured: 1_759 },
    most: { calls: 1, text: 630, structured: 780 },
    async go({ call }) {
      const input = { text: 'Good morning.' };
      for (let run = 0; run < 5; run += 1) await answer('run_model', { model: 'local/speech', input });
      const said = await call('list_runs', { limit: 5 });
      expect(said.match(/\]\(http:\/\/\S+\/files\/asset_/g)).toHaveLength(5);
    },
  },
  {
    asks: 'cancel that',
    before: { calls: 1, text: 81, structured: 266 },
    most: { calls: 1, text: 45, structured: 120 },
    async go({ call }) {
      const text = 'The quick brown fox jumps over the lazy dog. '.repeat(100);
      const input = { model: 'local/speech', input: { text }, wait_seconds: 0 };
      const [runId = ''] = /run_[\w-]{22}/.exec(JSON.stringify(await answer('run_model', input))) ?? [];
      expect(await call('cancel_run', { run_id: runId })).toContain('cancelled');
    },
  },
];

it.each(flows.map((flow) => [flow.asks, flow] as const))(
  '%s: no more calls and no more to read than it was, and than it is',
  async (_asks, { before, most, go }) => {
    const agent = startAgent();

    await go(agent);

    expect(most.text).toBeLessThanOrEqual(before.text);
    expect(most.structured).toBeLessThanOrEqual(before.structured);
    expect(agent.cost.calls).toBe(most.calls);
    expect(agent.cost.text).toBeLessThanOrEqual(most.text);
    expect(agent.cost.structured).toBeLessThanOrEqual(most.structured);
  },
  120_000,
);

it('most of them are a call shorter than they were', () => {
  expect(flows.filter(({ before, most }) => most.calls < before.calls).length).toBeGreaterThan(
    flows.length / 2,
  );
  expect(flows.filter(({ before, most }) => most.calls > before.calls)).toEqual([]);
});

it.each([
  ['fal/fal-ai/flux/schnell', 'fal', 'known: ttl_seconds, priority, start_timeout_seconds'],
  ['openai/gpt-4o-mini', 'OpenAI', 'known: ttl_seconds, priority'],
])(
  'run_model refuses an option that the platform of %s does not have, and sends nothing',
  async (model, title, known) => {
    const { requests } = emulators.of(title.toLowerCase());
    const sent = requests.length;
    const call = { model, input: { prompt: 'x' }, options: { nonsense: 'SECRET' }, wait_seconds: 0 };

    const refused = await answer('run_model', call);
    const tried = await answer('run_model', { ...call, dry_run: true });

    const said = `- options.nonsense: is no option of ${title} (${known})`;
    expect(refused).toMatchObject({
      isError: true,
      structuredContent: { error: { code: 'validation_failed' } },
    });
    for (const { content } of [refused, tried])
      expect(content[0]).toMatchObject({ text: expect.stringContaining(said) });
    expect(JSON.stringify([refused, tried])).not.toContain('SECRET');
    expect(requests.slice(sent).filter(({ kind }) => kind === 'submit')).toEqual([]);
  },
);
