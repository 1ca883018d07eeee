import runpodSdk from 'runpod-sdk';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Emulators, runpodEmulator, startEmulators } from '../index.ts';
import { guardGlobalFetch } from './loopback-only.ts';

let emulators: Emulators;
let stopGuard: () => void;

beforeAll(async () => {
  stopGuard = guardGlobalFetch();
  emulators = await startEmulators({ definitions: [runpodEmulator] });
});
afterEach(() => {
  expect(emulators.of('runpod').violations).toEqual([]);
  emulators.of('runpod').reset();
});
afterAll(async () => {
  await emulators.close();
  stopGuard();
});

function endpoint(id: string, key: string = emulators.of('runpod').keys.valid) {
  const found = runpodSdk(key, { baseUrl: emulators.of('runpod').base() }).endpoint(id);
  if (found === null) throw new Error('the client knows no endpoint');
  return found;
}

it('refuses every address but loopback', async () => {
  const real = runpodSdk('rpa_never-sent-0123456789').endpoint('ep1');

  await expect(real?.health()).rejects.toThrow('would have called');
});

it('submits a job and follows it to its output', async () => {
  const flux = endpoint('black-forest-labs-flux-1-dev');
  const { id, status } = await flux.run({ input: { prompt: 'a boat' }, policy: { ttl: 60_000 } });

  const views = [await flux.status(id), await flux.status(id), await flux.status(id)];

  expect([status, ...views.map((view) => view.status)]).toEqual([
    'IN_QUEUE',
    'IN_QUEUE',
    'IN_PROGRESS',
    'COMPLETED',
  ]);
  expect(views.at(-1)).toMatchObject({ output: { image_url: expect.stringContaining('http') } });
});

it('waits for a job, also for one that outlives the first call', async () => {
  const done = await endpoint('ep1').runSync({ input: { a: 1 } });
  emulators.of('runpod').quirks.add('slow_runsync');

  const slow = await endpoint('ep1').runSync({ input: { a: 2 } });

  expect(done).toMatchObject({ id: expect.stringMatching(/^sync-/), status: 'COMPLETED', output: { a: 1 } });
  expect(slow).toMatchObject({ status: 'COMPLETED', output: { a: 2 } });
});

it('reads a stream until the job has ended, each part once', async () => {
  const llama = endpoint('8vllm3k1');
  const { id } = await llama.run({ input: { prompt: 'A story', stream: true } });

  const parts: string[] = [];
  for await (const { output } of llama.stream(id)) parts.push(output.choices[0].tokens[0]);

  expect(parts.join('')).toBe('Once upon a time.');
});

it('cancels, empties the queue and sees how an endpoint is', async () => {
  const echo = endpoint('ep1');
  const first = await echo.run({ input: {} });
  await echo.run({ input: {} });

  const cancelled = await echo.cancel(first.id);
  const purged = await echo.purgeQueue();
  const health = await echo.health();

  expect(cancelled).toMatchObject({ id: first.id, status: 'CANCELLED' });
  expect(purged).toEqual({ removed: 1, status: 'completed' });
  expect(health.jobs).toMatchObject({ inQueue: 0 });
});

it('says why a job failed', async () => {
  emulators.of('runpod').script({ states: ['failed'], failWith: { kind: 'generate', message: 'no luck' } });
  const echo = endpoint('ep1');

  const { id } = await echo.run({ input: {} });

  await expect(echo.status(id)).resolves.toMatchObject({ status: 'FAILED', error: 'no luck' });
});

it('fails on a key that is not valid and on a job that is forgotten', async () => {
  const { keys } = emulators.of('runpod');

  await expect(endpoint('ep1', keys.revoked).run({ input: {} })).rejects.toThrow('401');
  await expect(endpoint('ep1').status('never-existed')).rejects.toThrow('404');
});
