import { replicateEmulator, replicateWebhookSecret } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContractSubject, describeAdapter, standardWebhook, World } from '../contract-suite/index.ts';
import { replicate } from './definition.ts';

const flux = { nativeId: 'black-forest-labs/flux-schnell', input: { prompt: 'a lighthouse' } };
const llama = { nativeId: 'meta/llama', input: { prompt: 'A story' } };

const subject: ContractSubject = {
  definition: replicate,
  emulator: replicateEmulator,
  samples: {
    happy: { ...flux, outputs: ['image'] },
    streamed: { ...llama, outputs: ['text'] },
    several: { ...flux, outputs: ['image', 'image', 'image'] },
  },
  trap: (emulator) => emulator.quirks.add('no_output'),
  webhook(emulator, how) {
    const id = [...emulator.jobs.keys()].at(-1);
    const body = { id, status: 'succeeded', output: ['https://replicate.delivery/x/out-0.webp'] };
    return standardWebhook(emulator, { body, secret: replicateWebhookSecret, how });
  },
};

describeAdapter(subject);

describe('what is special at Replicate', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => world.emulator.reset());
  afterAll(() => world.close());

  const submitted = () => world.emulator.requests.filter(({ kind }) => kind === 'submit').at(-1);

  it('runs an official model by its name, another one by its latest version, or by one that is named', async () => {
    await world.submit();
    expect(submitted()?.path).toBe('/models/black-forest-labs/flux-schnell/predictions');

    const input = { image: 'https://a.example/1.png' };
    await world.submit({ nativeId: 'someone/waves', input, outputs: [] });
    expect(submitted()).toMatchObject({
      path: '/predictions',
      body: { version: expect.stringMatching(/^9b2d/) },
    });

    const version = '9b2d3a7c1e5f4a6b8c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b';
    await world.submit({ nativeId: `someone/waves:${version}`, input, outputs: [] });
    expect(submitted()?.body).toMatchObject({ version });
  });

  it('reads progress out of the bar that a model prints', async () => {
    world.emulator.script({ states: ['running', 'succeeded'] });

    const views = await world.run();

    expect(views.find(({ status }) => status === 'running')).toMatchObject({
      progress: 0.4,
      logs: expect.arrayContaining(['Using seed: 7']),
    });
  });

  it('takes a prediction that was aborted for one that is over', async () => {
    world.emulator.quirks.add('aborted');
    world.emulator.script({ states: ['cancelled'] });

    expect((await world.run()).at(-1)).toMatchObject({ status: 'cancelled', upstreamStatus: 'aborted' });
  });

  it('says expired when the output was removed, and until when an output is there', async () => {
    const [output] = (await world.run()).at(-1)?.outputs ?? [];
    expect(output?.expiresAt).toBe(new Date(world.emulator.now() + 3_600_000).toISOString());

    world.emulator.quirks.add('data_removed');
    expect((await world.run()).at(-1)?.status).toBe('expired');
  });

  it('shows what a language model has written so far, and sends no key to where it streams', async () => {
    const { handle } = await world.submit({ ...llama, outputs: [] });
    const texts: (string | undefined)[] = [];

    for await (const view of world.provider.watch?.(handle, world.context()) ?? []) {
      texts.push(view.outputs?.[0]?.text);
    }

    expect(texts).toEqual(['Once', 'Once upon', 'Once upon a', 'Once upon a time.', 'Once upon a time.']);
    const streamed = world.emulator.requests.find(({ path }) => path.startsWith('/stream/'));
    expect(streamed?.headers.authorization).toBeUndefined();
  });

  it('puts a file of ours into its storage', async () => {
    const url = world.emulator.keepFile(Buffer.from('a picture'), 'image/png');
    const files = { image: { url, contentType: 'image/png', bytes: 9 } };

    await world.submit({ ...flux, input: { ...flux.input, image: url }, files, outputs: [] });

    const sent = [...world.emulator.jobs.values()].at(-1)?.input.image;
    expect(world.emulator.files.get(String(sent).split('/').at(-1) ?? '')?.bytes.toString()).toBe(
      'a picture',
    );
    expect(world.emulator.violations).toEqual([]);
  });
});
