import { createFalClient } from '@fal-ai/client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Emulators, falEmulator, startEmulators } from '../index.ts';
import { guardGlobalFetch, loopbackFetch } from './loopback-only.ts';

let emulators: Emulators;
let stopGuard: () => void;

beforeAll(async () => {
  stopGuard = guardGlobalFetch();
  emulators = await startEmulators({ definitions: [falEmulator] });
});
afterEach(() => {
  expect(emulators.of('fal').violations).toEqual([]);
  emulators.of('fal').reset();
});
afterAll(async () => {
  await emulators.close();
  stopGuard();
});

/** The client has no base URL: its hosts are led to the emulator here. */
function toEmulator(address: string): string {
  const emulator = emulators.of('fal');
  return address
    .replace('https://queue.fal.run', emulator.base())
    .replace('https://rest.fal.ai', emulator.base('rest'))
    .replace('https://rest.alpha.fal.ai', emulator.base('rest'));
}

function client(key: string = emulators.of('fal').keys.valid) {
  const fetch: typeof globalThis.fetch = (input, init) => {
    const url = typeof input === 'string' || input instanceof URL ? String(input) : input.url;
    return loopbackFetch(toEmulator(url), init);
  };
  return createFalClient({ credentials: key, fetch, retry: { maxRetries: 0 } });
}

it('submits to the queue and follows a request to its result', async () => {
  const { queue } = client();
  const { request_id: requestId } = await queue.submit('fal-ai/flux/schnell', {
    input: { prompt: 'a boat' },
  });

  const states = [];
  for (let polls = 0; polls < 3; polls++) {
    states.push((await queue.status('fal-ai/flux/schnell', { requestId, logs: true })).status);
  }
  const { data } = await queue.result('fal-ai/flux/schnell', { requestId });

  expect(states).toEqual(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']);
  expect(data).toMatchObject({
    images: [{ url: expect.stringContaining('http'), content_type: 'image/png' }],
  });
});

it('subscribes, by polling', async () => {
  const { data } = await client().subscribe('fal-ai/any-llm', { input: { prompt: 'x' }, pollInterval: 5 });

  expect(data).toMatchObject({ output: 'Once upon a time.' });
});

it('uploads a file', async () => {
  const url = await client().storage.upload(new Blob(['hello'], { type: 'text/plain' }));

  expect(url).toContain('/storage/files/');
  expect([...emulators.of('fal').files.values()].at(-1)?.bytes.toString()).toBe('hello');
});

it('cancels a request', async () => {
  const { queue } = client();
  const { request_id: requestId } = await queue.submit('fal-ai/flux/schnell', {
    input: { prompt: 'a boat' },
  });

  await queue.cancel('fal-ai/flux/schnell', { requestId });

  expect(emulators.of('fal').jobs.get(requestId)?.state).toBe('cancelled');
});

it('says what is wrong with an input, with a key, and with an empty account', async () => {
  const { keys } = emulators.of('fal');
  const submit = (key: string, input: object) =>
    // as: the client's types know the inputs of each model, and this one is wrong on purpose.
    client(key).queue.submit('fal-ai/flux/schnell', { input: input as { prompt: string } });

  await expect(submit(keys.valid, {})).rejects.toMatchObject({ status: 422 });
  await expect(submit(keys.revoked, { prompt: 'x' })).rejects.toMatchObject({ status: 401 });
  await expect(submit(keys.broke, { prompt: 'x' })).rejects.toMatchObject({ status: 403 });
});
