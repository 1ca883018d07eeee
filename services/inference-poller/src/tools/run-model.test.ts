import type { Progress } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

async function countRuns(): Promise<number> {
  return (await world.database.queries.selectFrom('runs').select('run_id').execute()).length;
}

describe('run_model', () => {
  it('runs a model, waits for its end and returns outputs, time and cost [RW-31]', async () => {
    world.platform.endsAs = succeeded('hello');

    const { run, text, isError } = await world.run();

    expect(isError).toBe(false);
    expect(run).toMatchObject({
      status: 'succeeded',
      model: 'scripted/model',
      outputs: [{ index: 0, kind: 'text', text: 'hello' }],
      cost: { currency: 'USD', estimated: 0.5, charged: 0.07 },
    });
    expect(text).toContain('Cost: $0.07.');
  });

  it('sends the validated input, the options and our id of the run', async () => {
    const { run } = await world.run({
      input: { steps: '4' },
      options: { low_priority: true },
      wait_seconds: 0,
    });

    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    expect(world.platform.jobOf(run?.run_id ?? '').request).toMatchObject({
      runId: run?.run_id,
      nativeId: 'model',
      input: { steps: 4 },
      options: { low_priority: true },
    });
  });

  it.each([{}, { dry_run: true }])(
    'names what the model needs when the input is left out (%j)',
    async (given) => {
      const { text, isError } = await world.run({ model: 'scripted/prompted', input: undefined, ...given });

      expect(isError).toBe(true);
      expect(text).toContain('[validation_failed]');
      expect(text).toContain(
        "- input: is required (an object with the model's inputs; get_model has them all)",
      );
      expect(text).toContain('- prompt: is required (string)');
      expect(await countRuns()).toBe(0);
    },
  );

  it.each(['urgent', 'HIGH', 3, {}, ['low']])(
    'refuses the priority %j and names those that there are',
    async (priority) => {
      const { text, isError } = await world.run({ options: { priority } });

      expect(isError).toBe(true);
      expect(text).toContain('[validation_failed]');
      expect(text).toContain('- options.priority: is no priority (high, normal, low)');
      expect(await countRuns()).toBe(0);
    },
  );

  it.each([null, ''])('takes the priority %j as not given', async (priority) => {
    const { run } = await world.run({ options: { priority }, wait_seconds: 0 });

    expect(run?.run_id).toMatch(/^run_/);
  });

  it('returns a run id at once with wait_seconds 0', async () => {
    const { run, isError } = await world.run({ wait_seconds: 0 });

    expect(isError).toBe(false);
    expect(run?.run_id).toMatch(/^run_[A-Za-z0-9_-]{22}$/);
    expect(run?.next_action).toBe(`get_run(run_id="${run?.run_id}", wait_seconds=10)`);
  });

  it("names a wait that fits any client where the call's own does not tell", async () => {
    const { run } = await world.run({}, { wait: { defaultSeconds: 0, maxSeconds: 0 } });

    expect(run?.next_action).toBe(`get_run(run_id="${run?.run_id}", wait_seconds=25)`);
  });

  it('answers running and how to go on when the wait ends before the run', async () => {
    const { run, isError } = await world.run({}, { wait: { defaultSeconds: 1, maxSeconds: 1 } });

    expect(isError).toBe(false);
    expect(run?.status).toBe('running');
    expect(run?.next_action).toContain('get_run(');
  });

  it('waits no longer than the client can, whatever wait_seconds asks for', async () => {
    const { run } = await world.run({ wait_seconds: 600 }, { wait: { defaultSeconds: 1, maxSeconds: 1 } });

    expect(run?.status).toBe('running');
  });

  it('answers before the deadline of the call itself', async () => {
    const { run, isError } = await world.run({ wait_seconds: 60 }, { timeoutMs: 2_000 });

    expect(isError).toBe(false);
    expect(run?.status).toMatch(/queued|running/);
  });

  it('tells the run id with its first progress, and progress only grows [RF-21]', async () => {
    const steps: Progress[] = [];
    const answered = world.run({}, { onProgress: (step) => steps.push(step) });
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    const runId = [...world.platform.submits.keys()][0] ?? '';
    for (const progress of [0.5, 0.2, 0.9]) {
      world.platform.set(runId, { status: 'running', upstreamStatus: 'IN_PROGRESS', progress });
      const { polls } = world.platform.jobOf(runId);
      // The second one from now on is answered with it for sure.
      await vi.waitFor(() => expect(world.platform.jobOf(runId).polls).toBeGreaterThan(polls + 1));
    }
    world.platform.set(runId, succeeded());

    await answered;

    expect(steps[0]).toMatchObject({ progress: 0, data: { run_id: runId } });
    const values = steps.map(({ progress }) => progress);
    expect(values).toEqual([...new Set(values)].sort((one, other) => one - other));
    expect(Math.max(...values)).toBeGreaterThan(0.8);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
  });

  it('shows a sign of life while the platform says nothing', async () => {
    const steps: Progress[] = [];

    await world.run(
      {},
      { wait: { defaultSeconds: 1, maxSeconds: 1 }, onProgress: (step) => steps.push(step) },
    );

    expect(steps.length).toBeGreaterThan(4);
  });

  it('only stops waiting when the caller goes away: the run goes on', async () => {
    const abort = new AbortController();
    const answered = world.run({ client_ref: 'gone' }, { signal: abort.signal });
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));

    abort.abort();

    await expect(answered).rejects.toMatchObject({ code: 'cancelled' });
    world.platform.endsAs = succeeded();
    expect((await world.run({ client_ref: 'gone' })).run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('fails with the code of the run and the run in details.run [RF-60][RF-64]', async () => {
    world.platform.endsAs = {
      status: 'failed',
      upstreamStatus: 'FAILED',
      error: { code: 'content_blocked', message: 'The prompt was refused.' },
    };

    const { error, isError, text } = await world.run();

    expect(isError).toBe(true);
    expect(error).toMatchObject({ code: 'content_blocked', details: { run: { status: 'failed' } } });
    expect(text).toMatch(/^\[content_blocked\] The prompt was refused\./);
  });

  it('calls a failure without a reason generate_failed [RF-64]', async () => {
    world.platform.endsAs = { status: 'failed', upstreamStatus: 'FAILED' };

    expect((await world.run()).error?.code).toBe('generate_failed');
  });

  it('passes on that credits are missing, and charges nothing [RF-65][RW-53]', async () => {
    world.platform.submitScripts = [
      () => {
        throw new AppError('insufficient_credits', 'Top up to continue.', { upstreamStatus: 402 });
      },
    ];

    const { error } = await world.run();

    expect(error).toMatchObject({ code: 'insufficient_credits', upstream_status: 402 });
    expect(error?.details?.run?.cost?.charged).toBe(0);
  });

  it('passes on that a model is unknown [RF-67]', async () => {
    expect((await world.run({ model: 'scripted/none' })).error?.code).toBe('model_not_found');
  });
});

describe('run_model before anything is charged', () => {
  it('refuses an invalid input with the field and the problem, and runs nothing', async () => {
    const { error } = await world.run({ input: { bad: true } });

    expect(error?.code).toBe('validation_failed');
    expect(error?.details).toMatchObject({ errors: [{ path: 'bad', message: 'is not allowed' }] });
    expect(await countRuns()).toBe(0);
  });

  it('validates and quotes a dry run, and runs nothing', async () => {
    const reply = await world.run({ input: { bad: true }, dry_run: true });

    expect(reply.isError).toBe(false);
    expect(reply.validation).toMatchObject([{ path: 'bad' }]);
    expect(reply.quote).toMatchObject({ max: 0.5, currency: 'USD' });
    expect(await countRuns()).toBe(0);
  });

  it.each([
    ['an input', { input: { bad: true } }, 'bad'],
    ['a webhook', { webhook: 'http://127.0.0.1/hook' }, 'webhook'],
    ['tags', { metadata: { k: 1 } }, 'metadata.k'],
    ['a time to live', { options: { ttl_seconds: -1 } }, 'options.ttl_seconds'],
  ])('tells of a dry run %s that the run would refuse', async (_what, args, path) => {
    const run = await world.run(args);
    const tried = await world.run({ ...args, dry_run: true });

    expect(run.error).toMatchObject({ code: 'validation_failed', details: { errors: [{ path }] } });
    expect(tried.validation).toEqual(run.error?.details?.errors);
  });

  it.each([
    ['a price', { max_cost: 0.1 }, 'max_cost_exceeded'],
    ['a file that is not there', { input: { file: 'asset_none' } }, 'asset_not_found'],
    ['a client_ref of another run', { client_ref: 'taken', input: { other: 1 } }, 'idempotency_conflict'],
    ['a model that nobody has', { model: 'scripted/none' }, 'model_not_found'],
  ])('refuses a dry run for %s as the run', async (_what, args, code) => {
    await world.run({ client_ref: 'taken', wait_seconds: 0 });

    const run = await world.run(args);
    const tried = await world.run({ ...args, dry_run: true });

    expect(run.error?.code).toBe(code);
    expect(tried.error).toEqual(run.error);
    expect(await countRuns()).toBe(1);
  });

  it('refuses a dry run of who has too many runs open as the run', async () => {
    await world.addReplica({ maxOpenRuns: 1 });
    await world.start();
    await world.replicas[0]?.bus.close();

    const tried = await world.run({ dry_run: true });

    expect(tried.error?.code).toBe('too_many_runs');
  });

  it.each([
    ['too many tags', Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']))],
    ['an empty name', { '': 'v' }],
    ['a long name', { ['k'.repeat(65)]: 'v' }],
    ['a value that is no string', { k: 1 }],
    ['a long value', { k: 'v'.repeat(513) }],
  ])('refuses metadata with %s [MRD-02]', async (_what, metadata) => {
    const { error } = await world.run({ metadata });

    expect(error?.code).toBe('validation_failed');
    expect(await countRuns()).toBe(0);
  });

  it('takes 16 tags of the largest size [MRD-02]', async () => {
    const entries = Array.from({ length: 16 }, (_, index) => [`${index}`.padEnd(64, 'k'), 'v'.repeat(512)]);

    const { isError } = await world.run({ metadata: Object.fromEntries(entries), wait_seconds: 0 });

    expect(isError).toBe(false);
  });

  it('refuses a quote above max_cost', async () => {
    const { error } = await world.run({ input: { price: 0.5 }, max_cost: 0.49 });

    expect(error?.code).toBe('max_cost_exceeded');
    expect(await countRuns()).toBe(0);
  });

  it('refuses an unknown price when max_cost is given', async () => {
    expect((await world.run({ input: { price: null }, max_cost: 100 })).error?.code).toBe(
      'max_cost_exceeded',
    );
  });

  it('runs at a price equal to max_cost', async () => {
    expect((await world.run({ input: { price: 0.5 }, max_cost: 0.5, wait_seconds: 0 })).isError).toBe(false);
  });

  it.each([0, -1, 1.5, 3_601, 'soon'])('refuses options.ttl_seconds %s', async (ttl) => {
    expect((await world.run({ options: { ttl_seconds: ttl } })).error?.code).toBe('validation_failed');
  });

  it.each([60, '60'])('takes options.ttl_seconds %j', async (ttl) => {
    expect((await world.run({ options: { ttl_seconds: ttl }, wait_seconds: 0 })).error).toBeUndefined();
  });

  it('refuses a webhook where none can be signed', async () => {
    expect((await world.run({ webhook: 'https://example.com/hook' })).error?.code).toBe('validation_failed');
  });

  it('passes a stored file by its public link to a hosted platform, and shows the caller its own words', async () => {
    world.files.addAsset('asset_1');

    const { run } = await world.run({ input: { file: 'asset_1' }, wait_seconds: 0 });

    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    const runId = run?.run_id ?? '';
    const { input, files } = world.platform.jobOf(runId).request;
    expect(input.file).toBe('https://files.example/asset_1');
    expect(files.file).toMatchObject({ contentType: 'image/png', bytes: 3 });
    expect((await world.get(runId, { include: ['input'] })).input).toEqual({ file: 'asset_1' });
  });

  it('refuses a file that does not exist, and runs nothing', async () => {
    expect((await world.run({ input: { file: 'asset_none' } })).error?.code).toBe('asset_not_found');
    expect(await countRuns()).toBe(0);
  });

  it('passes a foreign URL on to a hosted platform as it is [MR-23]', async () => {
    const { run } = await world.run({ input: { file: 'https://example.com/a.png' }, wait_seconds: 0 });

    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    const { request } = world.platform.jobOf(run?.run_id ?? '');
    expect(request.input.file).toBe('https://example.com/a.png');
    expect(request.files).toEqual({});
  });

  it('copies a foreign URL for a provider of our own, through the service that checks it', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, inputUrls: 'internal' };
    await world.replicas[0]?.service.close();
    world.replicas[0]?.gate.crash();
    await world.addReplica();

    const { run } = await world.run({ input: { file: 'https://example.com/a.png' }, wait_seconds: 0 });

    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    expect(world.files.copies).toEqual(['https://example.com/a.png']);
    expect(world.platform.jobOf(run?.run_id ?? '').request.input.file).toContain('/internal/asset_copied');
  });

  it('gives an asset by its inner link, and a foreign URL as it is, to a platform with a storage of its own', async () => {
    world.platform.capabilities = { ...world.platform.capabilities, inputUrls: 'uploaded' };
    await world.replicas[0]?.service.close();
    world.replicas[0]?.gate.crash();
    await world.addReplica();

    world.files.addAsset('asset_1');
    const { run: own } = await world.run({ input: { file: 'asset_1' }, wait_seconds: 0 });
    const { run: foreign } = await world.run({
      input: { file: 'https://example.com/a.png' },
      wait_seconds: 0,
    });

    await vi.waitFor(() => expect(world.platform.submitCount).toBe(2));
    const { request } = world.platform.jobOf(own?.run_id ?? '');
    expect(request.files.file?.url).toContain('/internal/');
    expect(world.platform.jobOf(foreign?.run_id ?? '').request.files).toEqual({});
    expect(world.files.copies).toEqual([]);
  });
});

describe('run_model with an idempotency key', () => {
  it('returns the same run for the same client_ref, also when it has ended [RF-29]', async () => {
    world.platform.endsAs = succeeded();
    const first = await world.run({ client_ref: 'a' });

    const again = await world.run({ client_ref: 'a' });

    expect(first.replayed).toBeUndefined();
    expect(again).toMatchObject({ replayed: true, run: { run_id: first.run?.run_id, status: 'succeeded' } });
    expect(world.platform.submitCount).toBe(1);
  });

  it('answers a replay while the catalog is down', async () => {
    const first = await world.run({ client_ref: 'a', wait_seconds: 0 });
    world.catalogIsDown = true;

    const again = await world.run({ client_ref: 'a', wait_seconds: 0 });

    expect(again.run?.run_id).toBe(first.run?.run_id);
  });

  it('takes the same input in other words for the same', async () => {
    const first = await world.run({ client_ref: 'a', input: { steps: 4, seed: 1 }, wait_seconds: 0 });

    const again = await world.run({
      client_ref: 'a',
      model: 'model',
      input: { seed: 1, steps: '4' },
      wait_seconds: 0,
    });

    expect(again.run?.run_id).toBe(first.run?.run_id);
  });

  it.each([
    ['input', { input: { seed: 2 } }],
    ['model', { model: 'scripted/other', input: { seed: 1 } }],
    ['options', { input: { seed: 1 }, options: { low_priority: true } }],
    ['an input that is not valid', { input: { bad: true } }],
  ])('refuses the same client_ref with other %s', async (_what, args) => {
    await world.run({ client_ref: 'a', input: { seed: 1 }, wait_seconds: 0 });

    const { error } = await world.run({ client_ref: 'a', wait_seconds: 0, ...args });

    expect(error?.code).toBe('idempotency_conflict');
    expect(await countRuns()).toBe(1);
  });

  it('runs once when the same client_ref comes twenty times at one instant on two replicas', async () => {
    await world.addReplica();
    world.platform.endsAs = succeeded();

    const replies = await Promise.all(Array.from({ length: 20 }, () => world.run({ client_ref: 'a' })));

    expect(new Set(replies.map(({ run }) => run?.run_id)).size).toBe(1);
    expect(replies.filter(({ replayed }) => replayed !== true)).toHaveLength(1);
    expect(world.platform.submitCount).toBe(1);
  });

  it('runs once when one call is issued twice', async () => {
    const first = await world.run({ wait_seconds: 0 }, { callId: 'call-1' });
    const again = await world.run({ wait_seconds: 0 }, { callId: 'call-1' });

    expect(again.run?.run_id).toBe(first.run?.run_id);
  });

  it('runs twice when two calls say the same', async () => {
    const [one, other] = [await world.run({ wait_seconds: 0 }), await world.run({ wait_seconds: 0 })];

    expect(one.run?.run_id).not.toBe(other.run?.run_id);
  });

  it('keeps the keys of two subjects apart', async () => {
    const mine = await world.run({ client_ref: 'a', wait_seconds: 0 }, { principal: alice });
    const theirs = await world.run({ client_ref: 'a', wait_seconds: 0 }, { principal: bob });

    expect(theirs.run?.run_id).not.toBe(mine.run?.run_id);
  });

  it('fails a replay of a failed run like the first time', async () => {
    world.platform.endsAs = { status: 'failed', upstreamStatus: 'FAILED' };
    await world.run({ client_ref: 'a' });

    const { error } = await world.run({ client_ref: 'a' });

    expect(error).toMatchObject({ code: 'generate_failed', details: { replayed: true } });
    expect(world.platform.submitCount).toBe(1);
  });
});

it('shows progress that ends at 1 when the run has succeeded, however little was reported before', async () => {
  const shown: number[] = [];
  world.platform.endsAs = undefined;
  const call = world.run({}, { onProgress: ({ progress }) => shown.push(progress) });
  await expect.poll(() => world.platform.jobs.size).toBeGreaterThan(0);
  world.platform.endsAs = succeeded();

  await call;

  expect(shown.at(-1)).toBe(1);
  expect(shown).toEqual([...shown].sort((a, b) => a - b));
});

describe('a bound on runs that have not ended', () => {
  it('refuses one more of the same subject with what to do, and nobody else', async () => {
    await world.close();
    world = await createWorld();
    await world.addReplica({ maxOpenRuns: 3 });
    for (let index = 0; index < 3; index += 1) await world.start({ client_ref: `r${index}` });

    const refused = await world.run({ client_ref: 'r3', wait_seconds: 0 });
    const replayed = await world.run({ client_ref: 'r0', wait_seconds: 0 });
    const other = await world.run({ wait_seconds: 0 }, { principal: bob });

    expect(refused).toMatchObject({ isError: true, error: { code: 'too_many_runs', retryable: true } });
    expect(refused.error?.next_action).toContain('list_runs');
    expect(replayed).toMatchObject({ isError: false, replayed: true });
    expect(other.isError).toBe(false);
  });
});
