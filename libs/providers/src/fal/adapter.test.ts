import { createHash, sign } from 'node:crypto';
import { type Emulator, falEmulator, falSigningKeys } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContractSubject, describeAdapter, World } from '../contract-suite/index.ts';
import type { InboundWebhook } from '../provider.ts';
import { fal } from './definition.ts';

const flux = { nativeId: 'fal-ai/flux/schnell', input: { prompt: 'a lighthouse' } };

/** As the platform signs it: Ed25519 over ids, time and the digest of the body. */
function falWebhook(emulator: Emulator, how: 'good' | 'forged' | 'stale'): InboundWebhook {
  const requestId = [...emulator.jobs.keys()].at(-1) ?? 'none';
  const body = JSON.stringify({
    request_id: requestId,
    gateway_request_id: requestId,
    status: 'OK',
    payload: {},
  });
  const rawBody = Buffer.from(body);
  const seconds = String(Math.floor(emulator.now() / 1_000) - (how === 'stale' ? 3_600 : 0));
  const digest = createHash('sha256').update(rawBody).digest('hex');
  const message = Buffer.from([requestId, 'user_1', seconds, digest].join('\n'));
  const headers = {
    'x-fal-webhook-request-id': requestId,
    'x-fal-webhook-user-id': 'user_1',
    'x-fal-webhook-timestamp': seconds,
    'x-fal-webhook-signature': sign(null, message, falSigningKeys.privateKey).toString('hex'),
  };
  const forged = Buffer.from(body.replace('"OK"', '"ERROR"'));
  return { headers, rawBody: how === 'forged' ? forged : rawBody, runId: 'run_0000000000000000000001' };
}

const subject: ContractSubject = {
  definition: fal,
  emulator: falEmulator,
  samples: {
    happy: { ...flux, outputs: ['image'] },
    several: { ...flux, outputs: ['image', 'image', 'image'] },
  },
  // Completed, and then the result says what was wrong.
  trap: (emulator) =>
    emulator.script({
      states: ['running', 'failed'],
      failWith: { kind: 'validation', message: 'the picture is too large' },
    }),
  webhook: falWebhook,
};

describeAdapter(subject);

describe('what is special at fal', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => world.emulator.reset());
  afterAll(() => world.close());

  it('deletes what the platform keeps of a job, twice like once', async () => {
    const { handle } = await world.submit();
    await world.follow(handle);

    await world.provider.deletePayload?.(handle, world.context());
    await world.provider.deletePayload?.(handle, world.context());

    const asked = world.emulator.requests.filter(({ method }) => method === 'DELETE');
    expect(asked.map(({ path }) => path)).toEqual(
      Array(2).fill(`/models/requests/${String(handle.id)}/payloads`),
    );
    expect(world.emulator.jobs.size).toBe(0);
  });

  it('asks at the addresses that it was given, which leave out a part of the name of the model', async () => {
    await world.run();

    const [polled] = world.emulator.requests.filter(({ kind }) => kind === 'status');
    expect(polled?.path).toMatch(/^\/fal-ai\/flux\/requests\/[0-9a-f-]+\/status$/);
  });

  it.each([
    ['content', 'content_blocked'],
    ['validation', 'validation_failed'],
    ['generate', 'generate_failed'],
  ] as const)('reads out of the result that it is a failure of %s', async (kind, code) => {
    world.emulator.script({ states: ['failed'], failWith: { kind, message: 'not this' } });

    const end = (await world.run()).at(-1);

    expect(end).toMatchObject({
      status: 'failed',
      error: { code, message: expect.stringContaining('not this') },
    });
  });

  it.each([[false], [true]])(
    'takes a cancel that comes too late for what it is (409: %s)',
    async (has409) => {
      if (has409) world.emulator.quirks.add('cancel_409');
      world.emulator.script({ states: ['succeeded'] });
      const { handle } = await world.submit();
      await world.follow(handle);

      expect(await world.provider.cancel(handle, world.context())).toBe('too_late');
    },
  );

  it('puts a file of ours into the storage of the platform, and leaves a foreign link alone', async () => {
    const bytes = Buffer.from('a picture');
    const url = world.emulator.keepFile(bytes, 'image/png');
    const nativeId = 'fal-ai/kling-video/v2/master/image-to-video';
    const files = { image_url: { url, contentType: 'image/png', bytes: bytes.length } };
    const sample = { nativeId, outputs: ['video' as const] };

    await world.submit({ ...sample, input: { prompt: 'waves', image_url: url }, files });
    await world.submit({ ...sample, input: { prompt: 'waves', image_url: 'https://a.example/1.png' } });

    const [own, foreign] = [...world.emulator.jobs.values()].map(({ input }) => input.image_url);
    expect(own).toMatch(/\/fal\.rest\/storage\/files\//);
    expect(world.emulator.files.get(String(own).split('/').at(-1) ?? '')?.bytes).toEqual(bytes);
    expect(foreign).toBe('https://a.example/1.png');
    expect(world.emulator.violations).toEqual([]);
  });

  it('sends what options ask for as headers', async () => {
    await world.submit({
      ...flux,
      outputs: ['image'],
      options: { priority: 'low', start_timeout_seconds: 30 },
    });

    const [sent] = world.emulator.requests.filter(({ kind }) => kind === 'submit');
    expect(sent?.headers).toMatchObject({ 'x-fal-queue-priority': 'low', 'x-fal-request-timeout': '30' });
  });

  it('reads the schema and the price of a model from its own page of the list', async () => {
    const model = await world.provider.describeModel?.(flux.nativeId, world.context());

    expect(model?.price.text).toBe('$0.003 per megapixel');
    const sized = { prompt: 'x', num_images: 4, image_size: 'landscape_4_3' };
    expect(model && world.provider.quote(model, sized)).toMatchObject({
      min: 0.012,
      max: 0.012,
      exact: true,
    });
    expect(model?.inputSchema.required).toEqual(['prompt']);
    expect(model?.capabilities).toContain('io:text-to-image');
  });
});
