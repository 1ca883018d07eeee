import { runpodEmulator } from '@inferry/testing/emulators';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusalOf, World } from '../contract-suite/index.ts';
import type { ProviderModel } from '../provider.ts';
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

async function listed(): Promise<ProviderModel[]> {
  const list = await world.provider.listModels(world.context());
  if (list === 'unchanged') throw new Error('nothing was listed before');
  return list.models;
}

describe('the catalogue of Runpod', () => {
  it('is read without a key', async () => {
    await listed();

    const asked = world.emulator.requests.filter(({ base }) => base === 'graphql');
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('gives documented endpoints their inputs and others an open schema', async () => {
    const models = await listed();

    const schemaOf = (id: string) => models.find(({ nativeId }) => nativeId === id)?.inputSchema;
    expect(schemaOf('wan-2-6-t2v')).toMatchObject({
      required: ['prompt'],
      properties: { audio: { 'x-inferry-file': 'audio' }, duration: { type: 'integer', default: 5 } },
    });
    expect(schemaOf('brand-new-model')).not.toHaveProperty('properties');
  });

  it('names what each does and whether it runs now', async () => {
    const models = await listed();

    const of = (id: string) => models.find(({ nativeId }) => nativeId === id);
    expect(of('black-forest-labs-flux-1-dev')?.capabilities).toContain('io:text-to-image');
    expect(of('minimax-speech-02-hd')?.capabilities).toContain('op:text-to-speech');
    expect(of('qwen3-32b-awq')?.capabilities).toContain('op:chat');
    expect(of('retired-model')?.isLive).toBe(false);
    expect(of('odd-model')?.price.basis).toBe('unknown');
  });

  it('lists workers of the Hub where that is asked for, as what cannot run yet', async () => {
    const other = await World.open({ ...subject, settings: { RUNPOD_HUB: '1' } });
    try {
      const list = await other.provider.listModels(other.context());

      const hub = list === 'unchanged' ? [] : list.models.filter(({ kind }) => kind === 'solution');
      expect(hub).toMatchObject([{ nativeId: 'hub/runpod-workers/worker-comfyui', isLive: false }]);
    } finally {
      await other.close();
    }
  });
});

describe('endpoints of the caller', () => {
  it('are models of that key alone, with the inputs of known workers, and without their environment', async () => {
    const own = (await world.provider.listOwnModels?.(world.context())) ?? [];

    const live = own.filter(({ isLive }) => isLive);
    expect(live.map(({ nativeId }) => nativeId)).toEqual(['4m7x2k9q', '8vllm3k1', 'ep1']);
    // One without a queue is shown with the reason, and never offered to be run.
    expect(own.filter(({ isLive }) => !isLive)).toMatchObject([
      { nativeId: '2lb8x7c4', summary: expect.stringContaining('load balancer') },
    ]);
    expect(own[0]?.inputSchema).toMatchObject({ required: ['workflow'] });
    expect(own[1]?.capabilities).toContain('op:chat');
    expect(own[2]?.inputSchema).toEqual({ type: 'object' });
    expect(JSON.stringify(own)).not.toContain('never-shown');
  });

  it.each([
    { version: 'v1', isGone: false, asked: ['rest1'] },
    { version: 'v2', isGone: false, asked: ['rest'] },
    { version: 'auto', isGone: true, asked: ['rest', 'rest1'] },
  ])('are listed by version $version of the control plane [RP-60]', async ({ version, isGone, asked }) => {
    const other = await World.open({ ...subject, settings: { RUNPOD_REST_VERSION: version } });
    if (isGone) other.emulator.quirks.add('rest_v2_gone');
    try {
      const own = (await other.provider.listOwnModels?.(other.context())) ?? [];

      expect(own.map(({ nativeId }) => nativeId)).toContain('4m7x2k9q');
      expect(own.find(({ nativeId }) => nativeId === '8vllm3k1')?.capabilities).toContain('op:chat');
      expect(other.emulator.requests.map(({ base }) => base)).toEqual(asked);
    } finally {
      await other.close();
    }
  });

  it('follow the version for endpoints before the version for all [RP-61]', async () => {
    const settings = { RUNPOD_REST_VERSION: 'v2', RUNPOD_REST_VERSION_ENDPOINTS: 'v1' };
    const other = await World.open({ ...subject, settings });
    try {
      await other.provider.listOwnModels?.(other.context());

      expect(other.emulator.requests.map(({ base }) => base)).toEqual(['rest1']);
    } finally {
      await other.close();
    }
  });

  it('cannot be opened with a version that there is not', async () => {
    const settings = { RUNPOD_REST_VERSION: 'v3' };

    await expect(World.open({ ...subject, settings })).rejects.toThrow('RUNPOD_REST_VERSION: "v3"');
  });
});

describe('a job', () => {
  it('carries the policy that the options ask for, within the limits of the platform', async () => {
    const options = { ttl_seconds: 600, execution_timeout_seconds: 1, low_priority: true };

    await world.submit({ ...samples.happy, options });

    const sent = world.emulator.requests.find(({ kind }) => kind === 'submit')?.body;
    expect(sent).toEqual({
      input: { prompt: 'a boat' },
      policy: { ttl: 660_000, executionTimeout: 5_000, lowPriority: true },
    });
  });

  it('names where it is to be reported', async () => {
    const request = { ...world.request(samples.happy), webhookUrl: 'https://inferry.example/hooks/1' };

    await world.provider.submit(request, world.context());

    const [job] = world.emulator.jobs.values();
    expect(job?.webhookUrl).toBe('https://inferry.example/hooks/1');
  });

  it('tells what it cost and when its media are gone', async () => {
    const end = (await world.run()).at(-1);

    const inSevenDays = new Date(world.emulator.now() + 7 * 86_400_000).toISOString();
    expect(end?.charged).toEqual({ amount: 0.02097152, currency: 'USD' });
    expect(end?.outputs?.[0]?.expiresAt).toBe(inSevenDays);
  });

  it('says why a public endpoint refused its input', async () => {
    world.emulator.quirks.add('failed_body');

    const error = await world.refusedSubmit();

    expect(error.code).toBe('validation_failed');
    expect(JSON.stringify(error.details)).toContain('divisible by 64');
  });

  it('shows the words of a worker without its trace', async () => {
    world.emulator.quirks.add('error_object');
    world.emulator.script({
      states: ['failed'],
      failWith: { kind: 'generate', message: 'CUDA out of memory' },
    });

    const end = (await world.run()).at(-1);

    expect(end?.error).toEqual({ code: 'upstream_failed', message: 'CUDA out of memory' });
  });

  it('counts as refused for its content where the words say so', async () => {
    world.emulator.script({
      states: ['failed'],
      failWith: { kind: 'content', message: 'NSFW content found' },
    });

    expect((await world.run()).at(-1)?.error?.code).toBe('content_blocked');
  });

  it('runs under either word for it', async () => {
    world.emulator.quirks.add('running_word');

    expect((await world.run()).map(({ upstreamStatus }) => upstreamStatus)).toContain('RUNNING');
  });

  it('shows how far its worker says it is', async () => {
    world.emulator.script({ states: ['running'] });
    const { handle } = await world.submit({ nativeId: 'ep1', input: { a: 1 }, outputs: [] });

    const view = await world.provider.poll(handle, world.context());

    expect(view).toMatchObject({ status: 'running', progress: 1 / 3, logs: ['Update 1/3'] });
  });

  it('that waits long says why, and the platform is asked at most every 15 seconds [RPB-10]', async () => {
    world.emulator.script({ states: ['queued'] });
    const { handle } = await world.submit();
    const early = await world.provider.poll(handle, world.context());
    world.emulator.advance(20_000);

    const views = [
      await world.provider.poll(handle, world.context()),
      await world.provider.poll(handle, world.context()),
    ];

    expect(early.logs).toBeUndefined();
    expect(views.map(({ logs }) => logs?.[0])).toEqual(
      Array(2).fill(expect.stringContaining('A worker starts')),
    );
    expect(world.emulator.requests.filter(({ path }) => path.endsWith('/health'))).toHaveLength(1);
  });

  it('that has ended is too late to cancel', async () => {
    world.emulator.script({ states: ['succeeded'] });
    const { handle } = await world.submit();
    await world.provider.poll(handle, world.context());

    expect(await world.provider.cancel(handle, world.context())).toBe('too_late');
  });

  it('of another name than ids have is refused before anything is sent', async () => {
    const error = await refusalOf(() => world.submit({ nativeId: '../run', input: {}, outputs: [] }));

    expect(error.code).toBe('model_not_found');
    expect(world.submissions()).toBe(0);
  });
});

describe('a webhook of Runpod', () => {
  it('makes us ask, and what it says is not believed', async () => {
    const rawBody = Buffer.from(JSON.stringify({ id: 'job-1', status: 'COMPLETED', output: 'forged' }));

    const verdict = await world.provider.readWebhook?.(
      { headers: {}, rawBody, runId: 'run_0000000000000000000001' },
      world.context(),
    );

    expect(verdict).toEqual({ outcome: 'job' });
  });

  it('that is about no job is refused', async () => {
    const rawBody = Buffer.from('not JSON');

    const verdict = await world.provider.readWebhook?.(
      { headers: {}, rawBody, runId: 'run_0000000000000000000001' },
      world.context(),
    );

    expect(verdict?.outcome).toBe('rejected');
  });
});
