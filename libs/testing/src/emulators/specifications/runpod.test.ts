import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runpodEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the documents and the OpenAPI document of version 2 say of each reply; written from them, not from the adapter. */
const word = z.enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']);
const Job = z.strictObject({
  id: z.string(),
  status: word,
  delayTime: z.int().optional(),
  executionTime: z.int().optional(),
  workerId: z.string().optional(),
  output: z.unknown().optional(),
  error: z.string().optional(),
});
const Taken = z.strictObject({ id: z.string(), status: z.literal('IN_QUEUE') });
const Stream = z.strictObject({
  status: word,
  stream: z.array(z.strictObject({ output: z.unknown(), metrics: z.unknown().optional() })),
});
const Health = z.strictObject({
  jobs: z.strictObject({
    completed: z.int(),
    failed: z.int(),
    inProgress: z.int(),
    inQueue: z.int(),
    retried: z.int(),
  }),
  workers: z.strictObject({
    idle: z.int(),
    running: z.int(),
    initializing: z.int().optional(),
    ready: z.int().optional(),
    throttled: z.int().optional(),
    unhealthy: z.int().optional(),
  }),
});
const addresses = ['run', 'runSync', 'status', 'stream', 'cancel', 'retry', 'purgeQueue', 'health'] as const;
const Endpoints = z.strictObject({
  endpoints: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        type: z.enum(['QUEUE', 'LOAD_BALANCER']),
        image: z.string(),
        requestUrls: z.record(z.string(), z.url()),
        workers: z.object({ min: z.int(), max: z.int() }),
      }),
    )
    .min(1),
});
const Configs = z.object({
  data: z.object({
    allAiApiPublicConfigs: z
      .array(
        z.strictObject({
          id: z.string(),
          aiApiId: z.string(),
          modelName: z.string(),
          displayName: z.string(),
          description: z.string().nullable(),
          // JSON in a text.
          metadata: z.string(),
          isLive: z.boolean(),
          createdAt: z.iso.datetime(),
          updatedAt: z.iso.datetime(),
        }),
      )
      .min(1),
  }),
});

describe('the emulated Runpod answers as its documents say', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(runpodEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const submit = async (endpoint: string) => {
    const { body } = await platform.ask(`/${endpoint}/run`, { json: { input: { prompt: 'x' } } });
    return Taken.parse(body).id;
  };

  it.each([
    ['succeeded', 'COMPLETED'],
    ['failed', 'FAILED'],
    ['cancelled', 'CANCELLED'],
  ] as const)('to a job that has %s', async (end, last) => {
    platform.emulator.script({ states: ['queued', 'running', end] });
    const id = await submit('black-forest-labs-flux-1-dev');
    const seen = [];
    for (let looks = 0; looks < 4; looks++) {
      seen.push(Job.parse((await platform.ask(`/black-forest-labs-flux-1-dev/status/${id}`)).body));
    }

    expect(seen.at(-1)?.status).toBe(last);
    // What a public endpoint costs is told with its output.
    expect(seen.at(-1)?.output).toEqual(
      end === 'succeeded' ? { image_url: expect.any(String), cost: expect.any(Number) } : undefined,
    );
  });

  it('to a job that is waited for, streamed and cancelled', async () => {
    const waited = await platform.ask('/ep1/runsync', { json: { input: {} } });
    const id = await submit('8vllm3k1');
    const streamed = await platform.ask(`/8vllm3k1/stream/${id}`);
    const cancelled = await platform.ask(`/8vllm3k1/cancel/${id}`, { method: 'POST' });

    expect(Job.parse(waited.body)).toMatchObject({
      id: expect.stringMatching(/^sync-/),
      status: 'COMPLETED',
    });
    expect(Stream.safeParse(streamed.body).error).toBeUndefined();
    expect(cancelled.body).toEqual({ id, status: 'CANCELLED' });
  });

  it('to how an endpoint is, and to its queue being emptied', async () => {
    const Purged = z.strictObject({ removed: z.int(), status: z.literal('completed') });

    expect(Health.safeParse((await platform.ask('/ep1/health')).body).error).toBeUndefined();
    const purged = await platform.ask('/ep1/purge-queue', { method: 'POST' });
    expect(Purged.safeParse(purged.body).error).toBeUndefined();
  });

  it('to a list of endpoints, each version in its own form', async () => {
    const { endpoints } = Endpoints.parse((await platform.ask('/serverless', { base: 'rest' })).body);
    const first = await platform.ask('/endpoints?includeTemplate=true', { base: 'rest1' });

    const queued = endpoints.filter(({ type }) => type === 'QUEUE');
    for (const { requestUrls } of queued)
      expect(Object.keys(requestUrls).sort()).toEqual([...addresses].sort());
    const bare = z.array(z.object({ id: z.string(), template: z.object({ imageName: z.string() }) })).min(1);
    expect(bare.safeParse(first.body).error).toBeUndefined();
  });

  it('to a list of public endpoints, without a key', async () => {
    const reply = await fetch(platform.emulator.base('graphql'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ allAiApiPublicConfigs { id } }' }),
    });

    expect(Configs.safeParse(await reply.json()).error).toBeUndefined();
  });
});
