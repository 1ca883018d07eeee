import { runwareEmulator } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContractSubject, describeAdapter, startStandIn, World } from '../contract-suite/index.ts';
import { runware } from './definition.ts';
import { taskUuidOf } from './task-id.ts';

const flux = {
  nativeId: 'runware:100@1',
  input: { positivePrompt: 'a lighthouse', width: 512, height: 512 },
};
const three = { ...flux, input: { ...flux.input, numberResults: 3 } };

const subject: ContractSubject = {
  definition: runware,
  emulator: runwareEmulator,
  samples: {
    happy: { ...flux, outputs: ['image'] },
    several: { ...three, outputs: ['image', 'image', 'image'] },
  },
  trap: (emulator) => emulator.quirks.add('empty_success'),
  webhook(emulator) {
    const uuid = [...emulator.jobs.keys()].at(-1) ?? '';
    const body = JSON.stringify({
      taskType: 'imageInference',
      taskUUID: uuid,
      imageURL: 'https://a.example/x.png',
    });
    // The run whose task was the last one.
    const runs = Array.from({ length: 200 }, (_, index) => `run_${String(index).padStart(22, '0')}`);
    const runId = runs.find((id) => taskUuidOf(id) === uuid) ?? 'run_none';
    return { headers: { 'content-type': 'application/json' }, rawBody: Buffer.from(body), runId };
  },
};

describeAdapter(subject);

describe('what is special at Runware', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(subject);
  });
  afterEach(() => world.emulator.reset());
  afterAll(() => world.close());

  const tasks = () =>
    // as: every call has a list of tasks.
    world.emulator.requests.flatMap(({ body }) =>
      Array.isArray(body) ? (body as { taskUUID: string }[]) : [],
    );

  it('gives a task an id that follows from its run, in the form of a UUID of version 4', () => {
    const uuid = taskUuidOf('run_1');

    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(taskUuidOf('run_1')).toBe(uuid);
    expect(taskUuidOf('run_2')).not.toBe(uuid);
  });

  it.each([['pending_word'], ['errors_apart']])('reads a failed task with the quirk %s', async (quirk) => {
    world.emulator.quirks.add(quirk);
    world.emulator.script({
      states: ['running', 'failed'],
      failWith: { kind: 'content', message: 'flagged' },
    });

    const views = await world.run();

    expect(views.map(({ status }) => status)).toEqual(['running', 'running', 'failed']);
    expect(views.at(-1)?.error).toEqual({ code: 'content_blocked', message: 'flagged' });
  });

  it('takes a refusal that comes with 200 for one', async () => {
    world.emulator.quirks.add('refuse_200');

    const error = await world.refusedSubmit(undefined, { ...flux, input: {}, outputs: [] });

    expect(error).toMatchObject({ code: 'validation_failed', upstreamStatus: 200 });
    expect(JSON.stringify(error.details)).toContain('positivePrompt');
  });

  it('adds up what its results cost [RW-31]', async () => {
    expect((await world.run({ ...three, outputs: [] })).at(-1)?.charged).toEqual({
      amount: 0.0039,
      currency: 'USD',
    });
  });

  it('refuses a webhook that is about the task of another run', async () => {
    await world.run();
    const webhook = await subject.webhook?.(world.emulator, 'good');

    const verdict = await world.provider.readWebhook?.(
      { ...webhook, runId: 'run_other' } as never,
      world.context(),
    );

    expect(verdict?.outcome).toBe('rejected');
  });

  it('shows models with what the platform says of them [RW-24]', async () => {
    const listed = await world.provider.listModels(world.context());
    const models = listed === 'unchanged' ? [] : listed.models;
    const shown = models.find(({ nativeId }) => nativeId === flux.nativeId);

    // Drafts and unlisted ones are nobody's to see; what is deprecated is shown and not offered.
    expect(models.filter(({ isLive }) => isLive)).toHaveLength(8);
    expect(models.filter(({ isLive }) => !isLive).map(({ nativeId }) => nativeId)).toEqual([
      'runware:deprecated@1',
    ]);
    expect(shown).toMatchObject({ coverUrl: 'https://example.com/cover.png', aliases: ['flux-schnell'] });
    expect(shown).toMatchObject({
      capabilities: ['io:text-to-image'],
      categories: ['image', 'text-to-image'],
      creator: 'black-forest-labs',
      weight: 90,
      price: { text: '$0.0013 to $0.005 by its examples', amount: 0.0013 },
    });
  });

  it('quotes by the table of its configurations, as often as it is asked for', async () => {
    const model = await world.provider.describeModel?.(flux.nativeId, world.context());
    if (model === undefined) throw new Error('no model');
    const quote = (input: object) =>
      world.provider.quote(model, { positivePrompt: 'x', numberResults: 1, ...input });

    expect(quote({ width: 2_048, height: 2_048, numberResults: 4 })).toMatchObject({
      min: 0.02,
      max: 0.02,
      exact: true,
    });
    expect(quote({})).toMatchObject({ min: 0.0013, exact: false, unpriced_inputs: ['width', 'height'] });
    expect(model.price.table).toEqual([
      { configuration: '1024x1024', amount: 0.0013 },
      { configuration: '2048x2048', amount: 0.005 },
    ]);
  });

  it('tells what is left of the account', async () => {
    expect(await world.provider.balance?.(world.context())).toEqual({ amount: 12.5, currency: 'USD' });
  });

  it('hides what is the platform\u2019s own in a schema, and shows its examples [RWD-02]', async () => {
    const model = await world.provider.describeModel?.(flux.nativeId, world.context());

    expect(Object.keys(Object(model?.inputSchema.properties))).toEqual([
      'positivePrompt',
      'width',
      'height',
      'numberResults',
      'seedImage',
    ]);
    expect(model?.inputSchema.required).toEqual(['positivePrompt']);
    expect(model?.examples[0]).toMatchObject({
      title: 'Lighthouse',
      input: { positivePrompt: 'a lighthouse at dusk' },
    });
    expect(model?.readme).toContain('2048x2048: $0.005');
  });

  it('asks for the kind of task once, and takes the caller\u2019s word for it [RW-17]', async () => {
    await world.submit();
    await world.submit();
    await world.submit({ ...flux, outputs: [], options: { task_type: 'imageInference' } });

    expect(world.emulator.requests.filter(({ base }) => base === 'schemas').length).toBeLessThanOrEqual(1);
    expect(tasks()).toHaveLength(3);
  });

  it('puts a file of ours into its storage', async () => {
    const url = world.emulator.keepFile(Buffer.from('a picture'), 'image/png');
    const files = { seedImage: { url, contentType: 'image/png', bytes: 9 } };

    await world.submit({ ...flux, input: { ...flux.input, seedImage: url }, files, outputs: [] });

    const sent = [...world.emulator.jobs.values()].at(-1)?.input.seedImage;
    expect(world.emulator.files.get(String(sent).split('/').at(-1) ?? '')?.bytes.toString()).toBe(
      'a picture',
    );
    expect(world.emulator.violations).toEqual([]);
  });

  it('reads what is left from the object that the official types have, and from a number', async () => {
    expect(await world.provider.balance?.(world.context())).toEqual({ amount: 12.5, currency: 'USD' });

    const stand = await startStandIn();
    const provider = await runware.create({
      ...{ slug: 'runware', title: 'Runware', capabilities: runware.capabilities, settings: {} },
      ...{ bases: { api: stand.url, content: stand.url, schemas: stand.url }, allowPrivateHosts: false },
      ...{ now: Date.now, random: Math.random },
    });
    stand.answer = { data: [{ taskType: 'accountManagement', balance: 7, currency: 'usd' }] };

    expect(await provider.balance?.(world.context())).toEqual({ amount: 7, currency: 'USD' });
    await provider.close();
    await stand.close();
  });

  it('takes no balancer’s page for the platform’s word that it has no task', async () => {
    const stand = await startStandIn();
    const provider = await runware.create({
      ...{ slug: 'runware', title: 'Runware', capabilities: runware.capabilities, settings: {} },
      ...{ bases: { api: stand.url, content: stand.url, schemas: stand.url }, allowPrivateHosts: false },
      ...{ now: Date.now, random: Math.random },
    });
    const lost = { runId: 'run_1', nativeId: flux.nativeId, submittedAt: new Date().toISOString() };
    const recover = (about = {}) => provider.recover({ ...lost, ...about }, world.context());
    const taskUUID = taskUuidOf('run_1', 2);

    stand.answer = '<html>404</html>';
    await expect(recover()).rejects.toMatchObject({ code: 'upstream_malformed' });
    stand.answer = { data: [] };
    expect(await recover()).toEqual({ outcome: 'unknown' });
    stand.answer = { errors: [{ code: 'taskNotFound' }] };
    expect(await recover()).toEqual({ outcome: 'absent' });
    stand.answer = { data: [{ taskType: 'getTaskDetails', taskUUID, request: [{ numberResults: 2 }] }] };
    expect(await recover({ attempts: [1, 2] })).toEqual({
      outcome: 'found',
      handle: { uuid: taskUUID, results: 2 },
    });
    await provider.close();
    await stand.close();
  });

  it('never uses the UUID of a task for a second submit', async () => {
    const request = world.request(subject.samples.happy);
    const uuids = await Promise.all(
      [1, 2, 3].map(async (attempt) => {
        const { handle } = await world.provider.submit({ ...request, attempt }, world.context());
        return handle.uuid;
      }),
    );

    expect(new Set(uuids).size).toBe(3);
    expect(uuids[0]).toBe(taskUuidOf(request.runId));
  });

  it('is polled as its official client polls: after a second, then ever more slowly', async () => {
    world.emulator.script({ states: ['running'] });
    const { handle, view } = await world.submit();
    world.emulator.advance(4_000);
    const soon = await world.provider.poll(handle, world.context());
    world.emulator.advance(60_000);
    const late = await world.provider.poll(handle, world.context());

    expect([view, soon, late].map(({ pollAfterMs }) => pollAfterMs)).toEqual([1_000, 2_000, 10_000]);
  });

  it('keeps the id of the task, the seed and the whole answer', async () => {
    const { handle } = await world.submit();
    const end = (await world.follow(handle)).at(-1);

    expect(handle.uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(end).toMatchObject({ notes: ['Seed: 7.'], raw: { data: [{ taskUUID: handle.uuid, seed: 7 }] } });
  });
});
