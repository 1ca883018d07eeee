import { runpodEmulator } from '@inferry/testing/emulators';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusalOf, World } from '../contract-suite/index.ts';
import type { JobView } from '../provider.ts';
import { runpod } from './definition.ts';

const flux = { nativeId: 'black-forest-labs-flux-1-dev', input: { prompt: 'a boat' } };
const samples = { happy: { ...flux, outputs: ['image' as const] } };
const subject = { definition: runpod, emulator: runpodEmulator, samples };

let world: World;
beforeEach(async () => {
  // A world of its own for each: the emulator repeats its ids, and the adapter remembers what a job has streamed.
  world = await World.open(subject);
});
afterEach(async () => {
  await world.close();
  expect(world.emulator.violations).toEqual([]);
});

async function watched(handle: Parameters<typeof world.follow>[0]): Promise<JobView[]> {
  const views: JobView[] = [];
  for await (const view of world.provider.watch?.(handle, world.context()) ?? []) views.push(view);
  return views;
}

describe('an answer that streams', () => {
  const story = { nativeId: '8vllm3k1', input: { prompt: 'A story', stream: true }, outputs: [] };

  it('grows in what is watched', async () => {
    world.emulator.script({ states: ['queued', 'running', 'succeeded'] });
    const { handle } = await world.submit(story);

    const views = await watched(handle);

    expect(views.map(({ outputs }) => outputs?.[0]?.text)).toEqual([
      undefined,
      'Once upon',
      'Once upon a time.',
    ]);
  });

  it('is whole where the platform keeps only the stream, however often it is asked', async () => {
    world.emulator.quirks.add('whole_output');
    const { handle } = await world.submit(story);
    await watched(handle);

    const again = await world.provider.poll(handle, world.context());

    expect(again).toMatchObject({ status: 'succeeded', outputs: [{ text: 'Once upon a time.' }] });
    expect(again.isPartial).toBeUndefined();
  });

  it('is read from the stream at its end where nobody watched', async () => {
    world.emulator.quirks.add('whole_output');
    const { handle } = await world.submit({ ...story, input: { prompt: 'A story' } });

    const end = (await world.follow(handle)).at(-1);

    expect(end?.outputs).toMatchObject([{ kind: 'text', text: 'Once upon a time.' }]);
  });

  it('is called partial where a part of the stream was lost', async () => {
    world.emulator.quirks.add('whole_output');
    world.emulator.script({ states: ['running', 'running', 'succeeded'] });
    const { handle } = await world.submit(story);
    world.emulator.script({ on: ['result'], dropReplyAfterAccept: true });
    await refusalOf(() => watched(handle));
    world.emulator.script({});

    const end = (await world.follow(handle)).at(-1);

    expect(end).toMatchObject({ status: 'succeeded', isPartial: true, outputs: [{ text: ' a time.' }] });
  });

  it('is read as a bare list too, as the reference of the platform shows it', async () => {
    world.emulator.quirks.add('bare_stream');
    const { handle } = await world.submit(story);

    expect((await watched(handle)).at(-1)?.outputs?.[0]?.text).toBe('Once upon a time.');
  });

  it('is not read by anybody who was not told that it streams', async () => {
    const { handle } = await world.submit();

    await watched(handle);

    expect(world.emulator.requests.filter(({ path }) => path.includes('/stream/'))).toEqual([]);
  });
});
