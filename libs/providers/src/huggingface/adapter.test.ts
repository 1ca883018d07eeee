import { huggingfaceEmulator } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeAdapter, refusalOf, World } from '../contract-suite/index.ts';
import { huggingface } from './definition.ts';

const flux = {
  nativeId: 'black-forest-labs/FLUX.1-dev',
  input: { prompt: 'a lighthouse', width: 512, height: 512 },
};

const subject = {
  definition: huggingface,
  emulator: huggingfaceEmulator,
  samples: {
    happy: { ...flux, outputs: ['image' as const] },
    sync: { ...flux, options: { provider: 'hf-inference' }, outputs: ['image' as const] },
    streamed: {
      nativeId: 'meta-llama/Llama-3.1-8B-Instruct',
      input: { prompt: 'Say hello' },
      outputs: ['text' as const],
    },
  },
  // fal calls every end COMPLETED: the result says what it was.
  trap: (emulator: World['emulator']) => emulator.script({ states: ['running', 'failed'] }),
};

describeAdapter(subject);

describe('a run through the router', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => {
    expect(world.emulator.violations).toEqual([]);
    world.emulator.reset();
  });
  afterAll(() => world.close());

  it.each(['fal-ai', 'replicate', 'wavespeed', 'together', 'hf-inference'])(
    'goes to %s when asked',
    async (provider) => {
      const views = await world.run({ ...subject.samples.happy, options: { provider } });

      expect(views.at(-1)).toMatchObject({ status: 'succeeded', outputs: [{ kind: 'image' }] });
      // What it answered in JSON is there to be looked at; a whole file is not.
      expect(views.at(-1)?.raw !== undefined).toBe(provider !== 'hf-inference');
      const paths = world.emulator.requests.filter(({ kind }) => kind === 'submit').map(({ path }) => path);
      expect(paths).toEqual([expect.stringMatching(new RegExp(`^/${provider}/`))]);
    },
  );

  it.each(['replicate', 'wavespeed'])('reads how a job of %s failed', async (provider) => {
    world.emulator.script({ states: ['running', 'failed'] });

    const views = await world.run({ ...subject.samples.happy, options: { provider } });

    expect(views.at(-1)).toMatchObject({ status: 'failed', error: { code: 'generate_failed' } });
  });

  it('goes only where the model is live', async () => {
    const wan = {
      nativeId: 'Wan-AI/Wan2.2-T2V-A14B',
      input: { prompt: 'waves' },
      outputs: ['video' as const],
    };

    const views = await world.run(wan);

    expect(views.at(-1)?.outputs?.map(({ kind }) => kind)).toEqual(['video']);
    expect(world.emulator.requests.some(({ path }) => path.startsWith('/wavespeed/'))).toBe(true);
  });

  it('names the serving platform in the model of a chat', async () => {
    await world.run(subject.samples.streamed);

    const [chat] = world.emulator.requests.filter(({ kind }) => kind === 'submit');
    expect(chat?.body).toMatchObject({ model: 'meta-llama/Llama-3.1-8B-Instruct:groq' });
  });

  it('embeds', async () => {
    const nativeId = 'intfloat/multilingual-e5-large';

    const views = await world.run({ nativeId, input: { text: 'hello' }, outputs: ['json'] });

    expect(JSON.parse(views.at(-1)?.outputs?.[0]?.text ?? '')).toEqual({ embedding: [0.1, -0.2, 0.3] });
  });

  it('refuses a platform that does not serve the model', async () => {
    const error = await refusalOf(() =>
      world.submit({ ...subject.samples.happy, options: { provider: 'groq' } }),
    );

    expect(error.code).toBe('model_not_found');
    expect(error.message).toContain('fal-ai');
  });

  it('lists no model that none of its routes can run', async () => {
    const listed = await world.provider.listModels(world.context());

    const ids = listed === 'unchanged' ? [] : listed.models.map(({ nativeId }) => nativeId);
    expect(ids).toHaveLength(4);
    expect(ids).not.toContain('nobody/serves-this');
  });
});
