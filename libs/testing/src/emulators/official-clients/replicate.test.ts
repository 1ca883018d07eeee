import Replicate from 'replicate';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Emulators, replicateEmulator, startEmulators } from '../index.ts';
import { guardGlobalFetch, loopbackFetch } from './loopback-only.ts';

let emulators: Emulators;
let stopGuard: () => void;

beforeAll(async () => {
  stopGuard = guardGlobalFetch();
  emulators = await startEmulators({ definitions: [replicateEmulator] });
});
afterEach(() => {
  expect(emulators.of('replicate').violations).toEqual([]);
  emulators.of('replicate').reset();
});
afterAll(async () => {
  await emulators.close();
  stopGuard();
});

function client(auth: string = emulators.of('replicate').keys.valid): Replicate {
  return new Replicate({
    auth,
    baseUrl: emulators.of('replicate').base(),
    fetch: loopbackFetch,
    useFileOutput: false,
  });
}

it('runs an official model to its output', async () => {
  const output = await client().run('black-forest-labs/flux-schnell', { input: { prompt: 'a boat' } });

  expect(output).toEqual([expect.stringContaining('http')]);
});

it('creates a prediction, waits for it by polling, and cancels another one', async () => {
  const { predictions, wait } = client();
  const input = { prompt: 'a boat' };
  const created = await predictions.create({ model: 'black-forest-labs/flux-schnell', input, wait: false });

  const ended = await client().wait(created, { interval: 5 });
  const other = await predictions.create({ model: 'black-forest-labs/flux-schnell', input, wait: false });
  const cancelled = await predictions.cancel(other.id);

  expect(wait).toBeTypeOf('function');
  expect(ended.status).toBe('succeeded');
  expect(cancelled.status).toBe('canceled');
});

it('streams the words of a language model', async () => {
  const words: string[] = [];

  for await (const { event, data } of client().stream('meta/llama', { input: { prompt: 'x' } })) {
    if (event === 'output') words.push(data);
  }

  expect(words.join('')).toBe('Once upon a time.');
});

it('stores a file, lists models of collections, and reads the secret of webhooks', async () => {
  const replicate = client();

  const file = await replicate.files.create(new Blob(['hello'], { type: 'text/plain' }));
  const collections = await replicate.collections.list();
  const collection = await replicate.collections.get('text-to-image');
  const model = await replicate.models.get('someone', 'waves');
  const { key } = await replicate.webhooks.default.secret.get();

  expect(file.urls.get).toContain('/files/');
  expect(collections.results).not.toHaveLength(0);
  expect(collection.models).toMatchObject([{ name: 'flux-schnell' }]);
  expect(model.latest_version?.id).toMatch(/^9b2d/);
  expect(key).toMatch(/^whsec_/);
});

it('refuses a key that is not valid', async () => {
  const { keys } = emulators.of('replicate');

  await expect(client(keys.revoked).run('meta/llama', { input: { prompt: 'x' } })).rejects.toThrow('401');
});
