import { createHmac } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import { runflowEmulator } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContractSubject, describeAdapter, refusalOf, World } from '../contract-suite/index.ts';
import { runflow } from './definition.ts';

const callbackSecret = 'whsec_runflow-0123456789';
const flux = { nativeId: 'flux/schnell', input: { prompt: 'a lighthouse' } };

const subject: ContractSubject = {
  definition: runflow,
  emulator: runflowEmulator,
  settings: { RUNFLOW_CALLBACK_SECRETS: `whsec_older-0123456789, ${callbackSecret}` },
  samples: {
    happy: { ...flux, outputs: ['image'] },
    several: { ...flux, outputs: ['image', 'image', 'image'] },
  },
  trap: (emulator) => emulator.quirks.add('no_output'),
  webhook(emulator, how) {
    const id = [...emulator.jobs.keys()].at(-1);
    const body = JSON.stringify({ event: 'run.completed', run_id: id, status: 'succeeded' });
    const signature = createHmac('sha256', callbackSecret).update(body).digest('hex');
    const headers = { 'runflow-signature': signature, 'runflow-request-id': 'req_1' };
    const rawBody = Buffer.from(how === 'forged' ? `${body} ` : body);
    return { headers, rawBody, runId: 'run_0000000000000000000001' };
  },
};

describeAdapter(subject);

describe('what is special at Runflow', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => world.emulator.reset());
  afterAll(() => world.close());

  it.each([['two_ls'], ['status_field']])('reads a cancelled run with the quirk %s', async (quirk) => {
    world.emulator.quirks.add(quirk);
    world.emulator.script({ states: ['running', 'cancelled'] });

    expect((await world.run()).at(-1)?.status).toBe('cancelled');
  });

  it('tells the share of steps that are done, and what a run cost', async () => {
    const views = await world.run();

    expect(views.find(({ status }) => status === 'running')?.progress).toBe(0.5);
    expect(views.at(-1)?.charged).toEqual({ amount: 0.35, currency: 'USD' });
  });

  it('sends our id as its reference, so that a second submit of one run is one run [RF-29]', async () => {
    const request = world.request(subject.samples.happy);
    const first = await world.provider.submit(request, world.context());
    const second = await world.provider.submit(request, world.context());

    expect(second.handle).toEqual(first.handle);
    expect([...world.emulator.jobs.values()].map(({ clientId }) => clientId)).toEqual([request.runId]);
  });

  it.each([[false], [true]])(
    'finds a lost run by its reference (list unfiltered: %s)',
    async (isUnfiltered) => {
      if (isUnfiltered) world.emulator.quirks.add('no_filter');
      const request = world.request(subject.samples.happy);
      const { handle } = await world.provider.submit(request, world.context());
      await world.submit();

      const about = { ...request, submittedAt: new Date(world.emulator.now()).toISOString() };
      expect(await world.provider.recover(about, world.context())).toEqual({ outcome: 'found', handle });
    },
  );

  it('does not call a run absent while the list may not go back far enough', async () => {
    world.emulator.quirks.add('no_filter');
    for (let count = 0; count < 100; count++) await world.submit();
    const submittedAt = new Date(world.emulator.now()).toISOString();

    const lost = { runId: 'run_lost', nativeId: flux.nativeId, submittedAt };
    expect(await world.provider.recover(lost, world.context())).toEqual({ outcome: 'unknown' });
  });

  it('refuses a service key before anything is sent [RF-06]', async () => {
    const context = { credential: new Secret('rf_svc_0123456789'), signal: AbortSignal.timeout(60_000) };

    const error = await refusalOf(() => world.provider.submit(world.request(subject.samples.happy), context));

    expect(error).toMatchObject({ code: 'unauthorized', nextAction: expect.stringContaining('rf_live_') });
    expect(await world.provider.probe?.(context)).toEqual({ outcome: 'rejected' });
    expect(world.emulator.requests).toEqual([]);
  });

  it.each([[false], [true]])('reads the balance (in cents: %s)', async (inCents) => {
    if (inCents) world.emulator.quirks.add('cents');

    expect(await world.provider.balance?.(world.context())).toEqual({ amount: 12.5, currency: 'USD' });
  });

  it('puts solutions first, and makes a schema of a list of inputs', async () => {
    const listed = await world.provider.listModels(world.context());
    const models = listed === 'unchanged' ? [] : listed.models;
    const [wan] = models;
    const solution = models.find(({ kind }) => kind === 'solution');

    expect(models.map(({ nativeId }) => nativeId)).toEqual([
      'alibaba/wan/v2.7/text-to-video',
      'flux/schnell',
      'runflow/object-removal/prompt',
    ]);
    expect(wan?.inputSchema).toMatchObject({
      required: ['prompt'],
      properties: {
        duration: { type: 'integer', minimum: 1, maximum: 10, default: 5 },
        resolution: { enum: ['720p', '1080p'] },
      },
    });
    expect(wan && world.provider.quote(wan, { prompt: 'x', duration: 5 })).toMatchObject({ max: 0.7 });
    expect(solution).toMatchObject({
      nativeId: 'runflow/object-removal/prompt',
      isFeatured: true,
      weight: 1,
    });
    expect(solution && world.provider.quote(solution, {})).toMatchObject({ max: 0.35, exact: true });
    expect(Object(solution?.inputSchema.properties).image_url).toMatchObject({ 'x-inferry-file': 'image' });
  });

  it('puts a file of ours into its storage, in three steps', async () => {
    const url = world.emulator.keepFile(Buffer.from('a picture'), 'image/png');
    const files = { image_url: { url, contentType: 'image/png', bytes: 9 } };
    const input = { image_url: url, prompt: 'the car' };

    await world.submit({ nativeId: 'runflow/object-removal/prompt', input, files, outputs: [] });

    const sent = [...world.emulator.jobs.values()].at(-1)?.input.image_url;
    const [, asset = ''] = /\/uploaded\/(asset_[0-9a-f]+)\?/.exec(String(sent)) ?? [];
    expect(world.emulator.files.get(asset)?.bytes.toString()).toBe('a picture');
    expect(world.emulator.violations).toEqual([]);
  });
});
