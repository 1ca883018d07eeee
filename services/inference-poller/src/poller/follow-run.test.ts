import type { JobHandle } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { outputsOf } from '../runs/run-document.ts';
import { succeeded } from '../testing/platform.ts';
import { createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

async function runningRun(args = {}): Promise<string> {
  const runId = await world.start(args);
  await world.reached(runId, 'running');
  return runId;
}

it('tells the provider that a run has ended once its row says so, and what came of it', async () => {
  const own = await createWorld();
  const told: (string | undefined)[] = [];
  const forget = ({ id }: JobHandle) => {
    const rows = own.database.queries
      .selectFrom('runs')
      .select('phase')
      .where('upstream_id', '=', String(id));
    void rows.executeTakeFirst().then((row) => told.push(row?.phase));
  };
  await own.addReplica({ providers: [{ ...own.platform.provider(), forget }] });
  own.platform.endsAs = succeeded();

  expect((await own.run()).run?.status).toBe('succeeded');
  await vi.waitFor(() => expect(told).toEqual(['done']));
  await own.close();
});

describe('a poll', () => {
  it('that fails fails itself and not the run', async () => {
    world.platform.pollErrors = [new TypeError('no network'), new SyntaxError('not JSON'), new Error('504')];
    world.platform.endsAs = succeeded();

    expect((await world.run()).run?.status).toBe('succeeded');
  });

  it('that succeeds forgets the failures before it', async () => {
    world.platform.pollErrors = [new Error('no network')];
    const runId = await runningRun();
    await vi.waitFor(() => expect(world.platform.jobOf(runId).polls).toBeGreaterThan(1));

    expect((await world.row(runId)).poll_attempts).toBe(0);
  });

  it('that hangs is cut off', async () => {
    const runId = await runningRun();
    world.platform.pollErrors = [() => new Promise(() => undefined)];
    world.platform.endsAs = succeeded();

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('with a status that nobody knows leaves the run running', async () => {
    const runId = await runningRun();
    // as: what an adapter of a newer platform could answer.
    world.platform.set(runId, { status: 'paused' as 'running', upstreamStatus: 'PAUSED' });
    await vi.waitFor(async () => expect((await world.row(runId)).upstream_status).toBe('PAUSED'));

    const { run } = await world.get(runId, { include: ['upstream'] });
    expect(run).toMatchObject({ status: 'running', upstream: { status: 'PAUSED' } });
  });

  it('that brings far more outputs than any model makes keeps the first, and says so', async () => {
    world.platform.endsAs = succeeded('', {
      outputs: Array.from({ length: 2_000 }, () => ({
        kind: 'text',
        contentType: 'text/plain',
        text: 'x',
      })),
    });

    const runId = await world.start();
    await world.ended(runId);
    const outputs = outputsOf(await world.row(runId));

    expect(outputs).toMatchObject({ notes: ['The model made 2000 outputs; 1744 of them are not kept.'] });
    expect('stored' in outputs && outputs.stored).toHaveLength(256);
  });

  it('that does not find a young job asks again, and takes what it made', async () => {
    const runId = await runningRun();
    const { polls } = world.platform.jobOf(runId);
    world.platform.set(runId, { status: 'not_found', upstreamStatus: 'not found' });
    await vi.waitFor(() => expect(world.platform.jobOf(runId).polls).toBeGreaterThan(polls + 2));
    world.platform.set(runId, succeeded());

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('that does not find a job for longer than its provider may need says that it is gone', async () => {
    const runId = await runningRun();
    world.platform.set(runId, { status: 'not_found', upstreamStatus: 'not found' });
    world.skipped += 121_000;

    const row = await world.ended(runId);

    expect(row.status).toBe('expired');
    expect(JSON.parse(row.error ?? '')).toMatchObject({ code: 'run_expired' });
  });

  it('with a word that no database can hold keeps what can be kept of it', async () => {
    const runId = await runningRun();
    world.platform.set(runId, { status: 'running', upstreamStatus: 'wor\u0000king \ud800' });
    await vi.waitFor(async () => expect((await world.row(runId)).upstream_status).toMatch(/^wor/));

    expect((await world.row(runId)).upstream_status).toBe('wor\ufffdking \ufffd');
  });

  it('never takes progress back', async () => {
    const runId = await runningRun();
    world.platform.set(runId, { status: 'running', upstreamStatus: 'x', progress: 0.6 });
    await vi.waitFor(async () => expect((await world.row(runId)).progress).toBe(0.6));
    world.platform.set(runId, { status: 'running', upstreamStatus: 'y', progress: 0.1 });
    await vi.waitFor(async () => expect((await world.row(runId)).upstream_status).toBe('y'));

    expect((await world.row(runId)).progress).toBe(0.6);
  });

  it('shows the place in the queue of the platform', async () => {
    const runId = await runningRun();
    world.platform.set(runId, { status: 'queued', upstreamStatus: 'IN_QUEUE', queuePosition: 4 });
    await vi.waitFor(async () => expect((await world.row(runId)).queue_position).toBe(4));

    expect((await world.get(runId)).run).toMatchObject({ status: 'queued', queue_position: 4 });
  });
});

describe('the deadline of a run', () => {
  it('ends it as run_expired and stops it at the platform', async () => {
    const runId = await runningRun({ options: { ttl_seconds: 60 } });
    world.skipped += 61_000;

    const row = await world.ended(runId);

    expect(row.status).toBe('expired');
    expect(JSON.parse(row.error ?? '')).toMatchObject({ code: 'run_expired' });
    expect(world.platform.jobOf(runId).cancels).toBe(1);
    expect(await world.ledger(runId)).toMatchObject({ charge: 0 });
  });

  it('keeps the cost counted when the platform does not confirm that it stopped', async () => {
    world.platform.onCancel = () => 'unsupported';
    const runId = await runningRun();
    world.skipped += 3_600_000;
    await world.ended(runId);

    expect(await world.ledger(runId)).toEqual({ reserve: 500_000, release: -500_000, charge: 500_000 });
  });

  it('does not lose a run that ended while no poller looked', async () => {
    const runId = await runningRun();
    await world.replicas[0]?.service.close();
    world.replicas[0]?.gate.crash();
    world.platform.set(runId, succeeded());
    world.skipped += 2 * 3_600_000;
    await world.addReplica();

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('ends a run whose provider is connected nowhere any more', async () => {
    const runId = await runningRun();
    await world.replicas[0]?.service.close();
    world.replicas[0]?.gate.crash();
    world.skipped += 2 * 3_600_000;
    await world.addReplica({ providers: [] });

    expect((await world.ended(runId)).status).toBe('expired');
  });
});

describe('the charge', () => {
  it.each([
    { is: "the provider's figure", charged: { amount: 0.07, currency: 'USD' }, micros: 70_000, shown: 0.07 },
    { is: 'the quote when it is exact and the provider says nothing', micros: 500_000, shown: 0.5 },
    { is: 'nothing settled when the quote is a guess', input: { exact: false }, micros: 500_000 },
    {
      is: 'the quote when the figure is in another currency',
      charged: { amount: 9, currency: 'EUR' },
      micros: 500_000,
      shown: 0.5,
    },
    {
      is: 'the quote when the figure makes no sense',
      charged: { amount: -1, currency: 'USD' },
      micros: 500_000,
      shown: 0.5,
    },
    { is: 'free for a price of nothing', input: { price: 0 }, micros: 0, shown: 0 },
    { is: 'nothing settled for an unknown price', input: { price: null }, micros: 0 },
  ])('of a success is $is', async ({ input = {}, charged, micros, shown }) => {
    const { charged: _, ...view } = succeeded();
    world.platform.endsAs = { ...view, ...(charged === undefined ? {} : { charged }) };

    const { run } = await world.run({ input });

    expect(run?.cost?.charged).toBe(shown);
    expect((await world.ledger(run?.run_id ?? '')).charge).toBe(micros);
  });

  it('of a failure is what the provider says, or nothing', async () => {
    const failed = { status: 'failed', upstreamStatus: 'FAILED' } as const;
    world.platform.endsAs = failed;
    const free = (await world.run()).error?.details?.run?.cost?.charged;
    world.platform.endsAs = { ...failed, charged: { amount: 0.01, currency: 'USD' } };
    const paid = (await world.run()).error?.details?.run?.cost?.charged;

    expect([free, paid]).toEqual([0, 0.01]);
  });

  it('of a failure of which its provider never tells what it cost is unknown, and never nothing', async () => {
    world.platform.chargesFailures = true;
    world.platform.endsAs = { status: 'failed', upstreamStatus: 'FAILED' };

    const cost = (await world.run()).error?.details?.run?.cost;

    expect(cost).toMatchObject({ unknown: true });
    expect(cost).not.toHaveProperty('charged');
  });

  it('of a success without a price or a figure is unknown, and is said to be', async () => {
    const { charged: _, ...untold } = succeeded();
    world.platform.endsAs = untold;

    const { run } = await world.run({ input: { price: null } });

    expect(run?.cost).toEqual({ currency: 'USD', unknown: true });
  });

  it('that a platform tells in another currency stands for a run without a quote', async () => {
    world.platform.endsAs = succeeded('', { charged: { amount: 9, currency: 'EUR' } });

    const { run } = await world.run({ input: { price: null } });

    expect(run?.cost).toEqual({ currency: 'EUR', charged: 9 });
  });

  it('of a failure for want of credit is a reason to top up', async () => {
    const error = { code: 'insufficient_credits', message: 'The account is empty.' } as const;
    world.platform.endsAs = { status: 'failed', upstreamStatus: 'FAILED', error };

    expect((await world.run()).error).toMatchObject({
      code: 'insufficient_credits',
      next_action: expect.stringContaining('Top up'),
    });
  });
});
