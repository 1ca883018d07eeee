import { openaiEmulator } from '@inferry/testing/emulators';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ContractSubject, World } from '../contract-suite/index.ts';
import { openai } from './definition.ts';

const subject: ContractSubject = {
  definition: openai,
  emulator: openaiEmulator,
  samples: { happy: { nativeId: 'sora-2', input: { prompt: 'waves' }, outputs: ['video'] } },
};

let world: World;
beforeAll(async () => {
  world = await World.open(subject);
});
afterAll(() => world.close());

it('deletes a video that the platform keeps, twice like once, and asks for nothing else', async () => {
  const { handle } = await world.submit();
  await world.follow(handle);

  await world.provider.deletePayload?.(handle, world.context());
  await world.provider.deletePayload?.(handle, world.context());
  await world.provider.deletePayload?.({ kind: 'images', id: 'x' }, world.context());

  const asked = world.emulator.requests.filter(({ method }) => method === 'DELETE');
  expect(asked.map(({ path }) => path)).toEqual(Array(2).fill(`/videos/${String(handle.id)}`));
});
