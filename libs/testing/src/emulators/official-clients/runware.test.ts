import { RunwareServer } from '@runware/sdk-js';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Emulators, runwareEmulator, startEmulators } from '../index.ts';
import { guardGlobalFetch } from './loopback-only.ts';

let emulators: Emulators;
let stopGuard: () => void;
let client: InstanceType<typeof RunwareServer>;

beforeAll(async () => {
  stopGuard = guardGlobalFetch();
  emulators = await startEmulators({ definitions: [runwareEmulator] });
  const emulator = emulators.of('runware');
  const url = `${emulator.base().replace('http', 'ws')}`;
  client = new RunwareServer({ apiKey: emulator.keys.valid, url });
});
afterEach(() => {
  expect(emulators.of('runware').violations).toEqual([]);
  emulators.of('runware').reset();
});
afterAll(async () => {
  await client.disconnect();
  await emulators.close();
  stopGuard();
});

it('makes pictures over a socket, as many as were asked for', async () => {
  const pictures = await client.requestImages({
    positivePrompt: 'a boat',
    model: 'runware:100@1',
    width: 512,
    height: 512,
    numberResults: 2,
  });

  expect(pictures).toHaveLength(2);
  expect(pictures?.[0]).toMatchObject({ imageURL: expect.stringContaining('http') });
});

it('says what is wrong with a task', async () => {
  const request = client.requestImages({
    positivePrompt: 'a boat',
    model: 'none:1@1',
    width: 512,
    height: 512,
  });

  await expect(request).rejects.toMatchObject({ error: { code: 'modelNotFound' } });
});
