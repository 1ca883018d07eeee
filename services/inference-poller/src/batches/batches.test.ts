import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AppError,
  type Batch,
  type BatchItem,
  cancelBatch,
  getBatch,
  type JsonObject,
  runBatch,
} from '@inferry/contracts';
import { dumpDatabase, loadDatabase, openDatabase, setBudget } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyLedger } from '../runs/verify-ledger.ts';
import { Platform, succeeded } from '../testing/platform.ts';
import { bob, type CallSettings, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

interface Shown {
  text: string;
  batch: Batch;
  batches: Batch[];
  items: BatchItem[];
  page: { total?: number; next_cursor?: string };
  replayed?: boolean;
  error?: { code: string; message: string; details?: JsonObject };
  [name: string]: unknown;
}

async function call(operation: Parameters<World['call']>[0], args: JsonObject, settings?: CallSettings) {
  // as: the tools of batches show these fields.
  return (await world.call(operation, args, settings)) as unknown as Shown;
}

const begin = (args: JsonObject, settings?: CallSettings) =>
  call(runBatch, { model: 'scripted/model', wait_seconds: 0, ...args }, settings);
const look = (id: string, args: JsonObject = {}, settings?: CallSettings) =>
  call(getBatch, { batch_id: id, ...args }, settings);
const prompts = (count: number) => Array.from({ length: count }, (_, at) => ({ prompt: `p${at}` }));

async function reached(id: string, matches: (batch: Batch) => boolean): Promise<Batch> {
  return vi.waitFor(
    async () => {
      const { batch } = await look(id);
      if (!matches(batch)) throw new Error(JSON.stringify(batch));
      return batch;
    },
    { timeout: 45_000, interval: 10 },
  );
}

describe('a batch of a name for several models that do the same', () => {
  let other: Platform;
  beforeEach(async () => {
    other = new Platform();
    other.slug = 'other';
    other.endsAs = succeeded('from the other');
    world.platform.endsAs = succeeded('from the first');
    await world.addReplica({ providers: [world.platform, other].map((one) => one.provider()) });
  });
  const twins = (args: JsonObject) => begin({ model: 'twins', ...args });
  const noCredit = () => {
    throw new AppError('insufficient_credits', 'Not now.');
  };

  it('sends each run that was certainly not taken to the next, and only those', async () => {
    world.platform.submitScripts = [noCredit, noCredit];

    const { batch } = await twins({ inputs: prompts(4), input: { price: 0.1, otherPrice: 0.3 } });
    await reached(batch.batch_id, isOver);

    const rows = await world.database.queries.selectFrom('runs').selectAll().execute();
    expect(rows.map(({ status }) => status)).toEqual(Array(4).fill('succeeded'));
    expect(rows.map(({ model }) => model).sort()).toEqual([
      ...['other/model', 'other/model', 'scripted/model', 'scripted/model'],
    ]);
    expect([world.platform.submitCount, other.submitCount]).toEqual([2, 2]);
    // Held at the most that each may cost, whichever takes it.
    for (const { run_id: id } of rows) expect(await world.ledger(id)).toMatchObject({ reserve: 300_000 });
    expect(await verifyLedger(world.database)).toMatchObject({ differences: 0 });
  });

  it('sends nothing elsewhere that may have been taken', async () => {
    world.platform.onRecover = () => ({ outcome: 'unknown' });
    world.platform.submitScripts = [
      () => {
        throw new AppError('deadline_exceeded', 'No answer.');
      },
    ];

    const { batch } = await twins({ inputs: prompts(2), concurrency: 1 });
    const ended = await reached(batch.batch_id, isOver);

    expect(ended.counts).toMatchObject({ failed: 1, succeeded: 1 });
    expect(other.submitCount).toBe(0);
  });

  it('goes to none that would bring all of it above what it may cost', async () => {
    world.platform.submitScripts = [noCredit];

    const { batch } = await twins({ inputs: prompts(2), input: { price: 0.1, otherPrice: 5 }, max_cost: 1 });
    const ended = await reached(batch.batch_id, isOver);

    expect(ended.counts).toMatchObject({ failed: 1, succeeded: 1 });
    expect(other.submitCount).toBe(0);
  });
});

const isOver = (batch: Batch) => batch.finished_at !== undefined;
const openJobs = () => [...world.platform.jobs.values()].filter(({ view }) => view.status === 'running');

describe('a batch', () => {
  it('runs every input once and shows them with what differs, what came out and what it cost', async () => {
    world.platform.endsAs = succeeded('fox');
    await world.addReplica();

    const { batch, items, text } = await begin({ inputs: prompts(3), input: { seed: 7 }, wait_seconds: 30 });

    expect(batch).toMatchObject({ status: 'succeeded', total: 3, counts: { succeeded: 3 } });
    expect(batch.cost).toMatchObject({ charged: 0.21, currency: 'USD' });
    expect(items.map(({ input, text: said }) => [input, said])).toEqual(
      prompts(3).map((input) => [input, 'fox']),
    );
    expect(text).toContain('3 succeeded');
    expect(world.platform.submitCount).toBe(3);
    expect(await verifyLedger(world.database)).toMatchObject({ differences: 0 });
  });

  it('is every combination of a sweep, within each input', async () => {
    world.platform.endsAs = succeeded();
    await world.addReplica();

    const { batch } = await begin({
      inputs: [{ prompt: 'a' }, { prompt: 'b' }],
      sweep: { seed: [1, 2], size: ['s', 'l'] },
      wait_seconds: 30,
    });

    const sent = [...world.platform.jobs.values()].map(({ request }) => request.input);
    expect(batch).toMatchObject({ status: 'succeeded', total: 8 });
    expect(new Set(sent.map((input) => JSON.stringify(input))).size).toBe(8);
    expect(sent).toContainEqual({ prompt: 'b', seed: 2, size: 'l' });
  });

  it('shows whole numbers that few clients can hold as the text of their digits, and sends them as they are', async () => {
    world.platform.endsAs = succeeded();
    await world.addReplica();
    const seeds = ['9007199254740993', '18446744073709551615'];

    const { batch, items, text } = await begin({
      sweep: { seed: seeds.map(($integer) => ({ $integer })) },
      wait_seconds: 30,
    });
    await vi.waitFor(async () => expect((await look(batch.batch_id)).batch.table).toBeDefined(), 30_000);

    const table = world.files.byRef.get(`${batch.batch_id}/table`)?.bytes?.toString() ?? '';
    expect(items.map(({ input }) => input)).toEqual(seeds.map((seed) => ({ seed })));
    expect(`${text}${table}`).not.toContain('$integer');
    expect(table).toContain(',18446744073709551615,');
    const sent = [...world.platform.jobs.values()].map(({ request }) => request.input);
    expect(sent).toEqual(expect.arrayContaining(seeds.map(($integer) => ({ seed: { $integer } }))));
  });

  it.each([
    [
      'too many combinations',
      { sweep: { a: Array(40).fill(1), b: Array(30).fill(1) } },
      'would be 1200 runs',
    ],
    ['no inputs', {}, 'is required'],
    ['an empty list', { inputs: [] }, 'is empty'],
    ['a field without a list', { sweep: { a: 1 } }, 'not a list'],
    ['a priority that is none', { inputs: prompts(1), options: { priority: 'urgent' } }, 'is no priority'],
  ])('is refused for %s, before anything is held', async (_what, args, why) => {
    await world.addReplica();

    const { error } = await begin(args as JsonObject);

    expect(error?.code).toBe('validation_failed');
    expect(JSON.stringify(error?.details)).toContain(why);
    expect(await look('batch_none')).toMatchObject({ error: { code: 'run_not_found' } });
  });

  it('starts nothing at all where one input is wrong, and says which', async () => {
    await world.addReplica();

    const { error } = await begin({ inputs: [{ prompt: 'a' }, { bad: true }] });

    expect(error).toMatchObject({ code: 'validation_failed' });
    expect(JSON.stringify(error?.details)).toContain('inputs[1].bad');
    expect((await world.list()).items).toEqual([]);
  });

  it('has no more runs under way than it says, and goes on as they end', async () => {
    await world.addReplica();
    const { batch } = await begin({ inputs: prompts(7), concurrency: 2 });
    let most = 0;

    for (let ended = 0; ended < 7; ended += 1) {
      await vi.waitFor(() => expect(openJobs().length).toBeGreaterThan(0), { timeout: 45_000, interval: 5 });
      most = Math.max(most, openJobs().length);
      const [job] = openJobs();
      if (job !== undefined) job.view = succeeded();
    }

    expect(await reached(batch.batch_id, isOver)).toMatchObject({ status: 'succeeded' });
    expect(most).toBeLessThanOrEqual(2);
    expect(world.platform.submitCount).toBe(7);
  });

  it('goes on in another process when the one that began it is gone', async () => {
    const first = await world.addReplica();
    const { batch } = await begin({ inputs: prompts(4), concurrency: 1 });
    await vi.waitFor(() => expect(openJobs()).toHaveLength(1), { timeout: 45_000, interval: 5 });
    first.gate.crash();
    world.platform.endsAs = succeeded();
    await world.addReplica();

    const over = await reached(batch.batch_id, isOver);

    expect(over).toMatchObject({ status: 'succeeded', counts: { succeeded: 4 } });
    expect(world.platform.submitCount).toBe(4);
  });

  it.each([true, false])('comes out of a backup of a system that was stopped (%s)', async (isStopped) => {
    await world.addReplica();
    await begin({ inputs: prompts(3), concurrency: 1 });
    await vi.waitFor(() => expect(openJobs()).toHaveLength(1), { timeout: 45_000, interval: 5 });
    const folder = mkdtempSync(join(tmpdir(), 'batches-'));
    const url = `sqlite:${join(folder, 'restored.sqlite')}`;

    await dumpDatabase(world.database, (dump) => loadDatabase(dump, { url, isStopped, now: Date.now() }));

    const restored = openDatabase({ url });
    const rows = await restored.queries.selectFrom('runs').selectAll().orderBy('batch_index').execute();
    await restored.close();
    rmSync(folder, { recursive: true });
    // What waited then may have been sent since, unless nothing went on.
    const waiting = isStopped ? { phase: 'queued', next_poll_at: null } : { phase: 'submitting' };
    expect(rows.slice(1)).toMatchObject([waiting, waiting]);
    expect(rows.every((row) => isStopped || row.next_poll_at !== null)).toBe(true);
  });

  it('is one batch for one client_ref, and a conflict with other inputs', async () => {
    await world.addReplica();
    const asked = { inputs: prompts(3), client_ref: 'night', concurrency: 1 };
    const [one, other] = await Promise.all([begin(asked), begin(asked)]);
    const conflict = await begin({ ...asked, inputs: prompts(2) });

    expect(one.batch.batch_id).toBe(other.batch.batch_id);
    expect([one.replayed, other.replayed].filter(Boolean)).toHaveLength(1);
    expect(conflict.error).toMatchObject({ code: 'idempotency_conflict' });
    expect(await call(getBatch, { client_ref: 'night' })).toMatchObject({ batch: { total: 3 } });
    expect(await call(getBatch, {})).toMatchObject({ batches: [{ client_ref: 'night' }] });
  });

  it("is nobody else's", async () => {
    await world.addReplica();
    const { batch } = await begin({ inputs: prompts(2), concurrency: 1 });
    const asBob = { principal: bob };

    expect(await look(batch.batch_id, {}, asBob)).toMatchObject({ error: { code: 'run_not_found' } });
    expect(await call(cancelBatch, { batch_id: batch.batch_id }, asBob)).toMatchObject({
      error: { code: 'run_not_found' },
    });
    expect((await call(getBatch, {}, asBob)).batches).toEqual([]);
    expect((await look(batch.batch_id)).batch.status).toBe('running');
  });

  it('goes on past runs that fail, and shows those first with their errors', async () => {
    world.platform.endsAs = succeeded();
    await world.addReplica();
    world.platform.submitScripts = [
      () => undefined,
      () => {
        throw new AppError('content_blocked', 'Refused by the platform.');
      },
    ];

    const { batch, items, text } = await begin({ inputs: prompts(4), concurrency: 1, wait_seconds: 30 });
    const failed = await look(batch.batch_id, { status: 'failed' });

    expect(batch).toMatchObject({ status: 'partial', counts: { succeeded: 3, failed: 1 } });
    expect(items[0]).toMatchObject({ status: 'failed', error: expect.stringContaining('content_blocked') });
    expect(text).toContain('status="failed"');
    expect(failed.items).toHaveLength(1);
    expect(failed.page).toMatchObject({ total: 1 });
  });

  it('cancels what waits and what is under way', async () => {
    await world.addReplica();
    const { batch } = await begin({ inputs: prompts(30), concurrency: 2 });
    await vi.waitFor(() => expect(openJobs()).toHaveLength(2), { timeout: 45_000, interval: 5 });

    await call(cancelBatch, { batch_id: batch.batch_id });
    const over = await reached(batch.batch_id, isOver);

    expect(over).toMatchObject({ status: 'cancelled', stopped: 'cancelled', counts: { cancelled: 30 } });
    expect(world.platform.submitCount).toBe(2);
    expect(await verifyLedger(world.database)).toMatchObject({ differences: 0 });
  });

  it('lets a single run of it be cancelled, waiting or not, and goes on with the others', async () => {
    await world.addReplica();
    const { batch } = await begin({ inputs: prompts(4), concurrency: 1 });
    await vi.waitFor(() => expect(openJobs()).toHaveLength(1), { timeout: 45_000, interval: 5 });
    const { items } = await look(batch.batch_id, { limit: 10 });
    const waiting = items[3]?.run_id ?? '';

    const told = await world.get(waiting, { include: ['events'] });
    await world.cancel(waiting);
    world.platform.endsAs = succeeded();

    expect(told.diagnosis).toContain('its turn');
    expect(await reached(batch.batch_id, isOver)).toMatchObject({
      ...{ status: 'partial', counts: { succeeded: 3, cancelled: 1 } },
    });
  });

  it('goes behind what its caller starts meanwhile', async () => {
    await world.addReplica({ limits: { maxSubmits: 1 }, timings: { submitTimeoutMs: 60_000 } });
    const sent: unknown[] = [];
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    world.platform.submitScripts = Array.from({ length: 20 }, () => async ({ input }) => {
      sent.push(input.prompt);
      await opened;
    });
    await begin({ inputs: prompts(6), concurrency: 6 });
    await vi.waitFor(() => expect(sent).toHaveLength(1), { timeout: 45_000, interval: 5 });
    await world.start({ input: { prompt: 'single' } });
    open();

    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(6), { timeout: 45_000, interval: 5 });
    // The one that was on its way, and perhaps one that was leased before it came.
    expect(sent.slice(0, 3)).toContain('single');
  });

  it('reports progress that only grows, with the id to go on with', async () => {
    world.platform.endsAs = succeeded();
    await world.addReplica();
    const steps: { progress: number; data?: unknown }[] = [];

    const { batch } = await begin(
      { inputs: prompts(5), concurrency: 1, wait_seconds: 30 },
      { onProgress: (step) => void steps.push(step) },
    );

    const seen = steps.map(({ progress }) => progress);
    expect(seen).toEqual([...seen].sort((one, other) => one - other));
    expect(steps[0]?.data).toEqual({ batch_id: batch.batch_id });
  });

  it('stays under a kilobyte however many runs it has, and pages through all of them', async () => {
    world.platform.endsAs = succeeded('a text '.repeat(40));
    await world.addReplica();

    const first = await begin({ inputs: prompts(60), concurrency: 50, wait_seconds: 60 });
    const seen = first.items.map(({ index }) => index);
    for (let { next_cursor: cursor } = first.page; cursor !== undefined; ) {
      const { items, page } = await look(first.batch.batch_id, { cursor });
      seen.push(...items.map(({ index }) => index));
      cursor = page.next_cursor;
    }

    const { text, isError: _, error: __, ...structured } = first;
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(JSON.stringify(structured))).toBeLessThanOrEqual(1_024);
    expect(seen).toEqual(prompts(60).map((_input, index) => index));
  });

  it('validates and quotes all of it without running any', async () => {
    await world.addReplica();

    const tried = await begin({ inputs: [{ price: 0.1 }, { price: 0.3 }], dry_run: true });
    const wrong = await begin({ inputs: [{ price: 0.1 }, { bad: true }], dry_run: true });

    expect(tried).toMatchObject({ validation: [], quote: { runs: 2, max: 0.4, exact: true, kind: 'exact' } });
    expect(wrong.validation).toMatchObject([{ path: 'inputs[1].bad' }]);
    expect(world.platform.submitCount).toBe(0);
  });
});

describe('the money of a batch', () => {
  it('is held from the budget as a whole: what does not fit is refused, nothing of it started', async () => {
    await world.addReplica();
    await setBudget(world.database.queries, {
      subject: 'alice',
      period: 'day',
      currency: 'USD',
      limitMicros: 2_000_000,
    });

    const refused = await begin({ inputs: prompts(5), concurrency: 1 });
    const taken = await begin({ inputs: prompts(4), concurrency: 1 });
    const single = await world.run({ wait_seconds: 0 });

    expect(refused.error).toMatchObject({ code: 'budget_exceeded' });
    expect(taken.batch.cost).toMatchObject({ estimated: 2, reserved: 2 });
    expect(single.error).toMatchObject({ code: 'budget_exceeded' });
    await call(cancelBatch, { batch_id: taken.batch.batch_id });
    await reached(taken.batch.batch_id, isOver);
    expect((await world.run({ wait_seconds: 0 })).error).toBeUndefined();
  });

  it('is asked about as a whole, and waits for the answer', async () => {
    await world.addReplica({ confirmAboveMicros: 1_200_000 });

    const asked = await begin({ inputs: prompts(3) });
    const below = await begin({ inputs: prompts(2), concurrency: 1 });

    expect(asked.error).toMatchObject({ code: 'confirmation_required', details: { price: '1.5 USD' } });
    expect(asked.error?.message).toContain('(3 runs)');
    expect(below.batch.total).toBe(2);
  });

  it('is never more than max_cost: known prices are refused before, unknown ones stop the rest', async () => {
    world.platform.endsAs = succeeded('done', { charged: { amount: 0.4, currency: 'USD' } });
    await world.addReplica();
    const unpriced = Array.from({ length: 6 }, (_, seed) => ({ seed, price: 'unknown' }));

    const refused = await begin({ inputs: prompts(3), max_cost: 1.4 });
    const { batch } = await begin({ inputs: unpriced, concurrency: 1, max_cost: 1.9, wait_seconds: 30 });

    expect(refused.error).toMatchObject({ code: 'max_cost_exceeded' });
    // Each counts as a dollar until it is known to be 0.4: three of them leave less than a dollar.
    expect(batch).toMatchObject({
      status: 'partial',
      stopped: 'max_cost',
      counts: { succeeded: 3, cancelled: 3 },
      cost: { charged: 1.2 },
    });
    expect(await verifyLedger(world.database)).toMatchObject({ differences: 0 });
  });
});

describe('the files of a batch', () => {
  it('are a sheet with a number for each picture, and a table', async () => {
    const picture = { kind: 'image' as const, contentType: 'image/png', bytes: Buffer.from('\u0089PNG') };
    world.platform.endsAs = succeeded('', { outputs: [picture] });
    await world.addReplica();

    const { batch, text } = await begin({
      inputs: [{ prompt: '=1+1' }, { prompt: 'a, "b"' }],
      wait_seconds: 30,
    });
    await vi.waitFor(async () => expect((await look(batch.batch_id)).batch.sheet).toBeDefined(), 30_000);
    const again = await look(batch.batch_id);

    const table = world.files.byRef.get(`${batch.batch_id}/table`)?.bytes?.toString() ?? '';
    expect(again.batch.sheet).toContain('https://files.example/');
    expect(again.batch.table).toContain('https://files.example/');
    expect(text.length).toBeGreaterThan(0);
    expect(world.files.sheets).toEqual([[0, 1]]);
    expect(table.split('\r\n').slice(0, 3)).toEqual([
      'index,prompt,status,output,charged,currency,seconds,error,run_id',
      expect.stringMatching(/^0,'=1\+1,succeeded,/),
      expect.stringMatching(/^1,"a, ""b""",succeeded,/),
    ]);
  });
});
