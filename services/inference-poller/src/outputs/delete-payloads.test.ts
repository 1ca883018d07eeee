import { AppError, forgetPayload } from '@inferry/contracts';
import { setPolicy } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, fastTimings, type World } from '../testing/world.ts';

const day = 86_400_000;
/** A busy machine may take its time: nothing here is meant to time out. */
const patient = { timings: { ...fastTimings, pollTimeoutMs: 60_000 } };

let world: World;
/** The jobs that the platform was asked to delete. */
let deleted: unknown[];
beforeEach(async () => {
  deleted = [];
  world = await createWorld();
  world.platform.endsAs = succeeded('hello');
});
afterEach(() => world.close());

const takesDeletions = () => {
  world.platform.deletePayload = async ({ id }) => void deleted.push(id);
};
const forget = (runId: string, principal = alice) => world.ask(forgetPayload, { run_id: runId }, principal);
const outcomes = async () =>
  world.database.queries.selectFrom('payload_deletions').select(['outcome', 'attempts']).execute();

async function ran(args: Record<string, string> = { prompt: 'a secret' }): Promise<string> {
  const runId = await world.start({ input: args });
  await world.ended(runId);
  return runId;
}

describe('what a run keeps', () => {
  it('is deleted for its owner: input, outputs and the platform’s reply, and the fact and its cost stay', async () => {
    await world.addReplica(patient);
    const runId = await ran();
    const before = await world.get(runId, { include: ['outputs'] });

    expect(await forget(runId)).toEqual({ platform: 'not_offered' });

    const after = await world.get(runId, { include: ['outputs', 'input', 'raw', 'logs'] });
    expect(after).toMatchObject({ input: {}, run: { status: 'succeeded', outputs: [] } });
    expect(after.run?.notes).toEqual(['Output 0 was deleted.']);
    expect(after.run?.cost).toEqual(before.run?.cost);
    expect(JSON.stringify(await world.row(runId))).not.toContain('secret');
    expect(await forget(runId)).toEqual({ platform: 'not_offered' });
  });

  it('is deleted at its platform too, where that can be asked, by whoever comes after a failure', async () => {
    let refusals = 1;
    world.platform.deletePayload = async ({ id }) => {
      refusals -= 1;
      if (refusals >= 0) throw new AppError('upstream_unavailable', 'It is away.');
      deleted.push(id);
    };
    await world.addReplica(patient);
    const runId = await ran();

    expect(await forget(runId)).toEqual({ platform: 'asked' });

    await vi.waitFor(async () => expect(await outcomes()).toMatchObject([{ outcome: null, attempts: 1 }]));
    world.skipped += 120_000;
    await vi.waitFor(async () =>
      expect(await outcomes()).toMatchObject([{ outcome: 'deleted', attempts: 2 }]),
    );
    expect(deleted).toEqual([world.platform.jobOf(runId).id]);
  });

  it('is nobody else’s to delete, and nobody’s while the run goes on', async () => {
    await world.addReplica(patient);
    const runId = await ran();
    world.platform.endsAs = undefined;
    const running = await world.start();
    await world.reached(running, 'running');

    await expect(forget(runId, bob)).rejects.toMatchObject({ code: 'run_not_found' });
    await expect(forget(running)).rejects.toMatchObject({ code: 'run_not_ended' });
    expect((await world.row(runId)).input).toContain('a secret');
  });

  it('loses one output and its link where only that is deleted', async () => {
    await world.addReplica(patient);
    const outputs = ['a', 'b'].map((name) => ({
      ...({ kind: 'image', contentType: 'image/png' } as const),
      bytes: Buffer.from(name),
    }));
    world.platform.endsAs = succeeded('', { outputs });
    const runId = await ran();
    const { run } = await world.get(runId, { include: ['outputs'] });
    const assetId = run?.outputs?.[0]?.asset_id ?? '';

    await world.ask(forgetPayload, { run_id: runId, asset_ids: [assetId] }, alice);

    const after = await world.get(runId, { include: ['outputs', 'input'] });
    expect(after).toMatchObject({
      input: { prompt: 'a secret' },
      run: { outputs: [{ index: 1 }], notes: ['Output 0 was deleted.'] },
    });
    expect(JSON.stringify(after)).not.toContain(assetId);
  });

  it('goes when it is older than its tenant, its mount or the deployment lets it be', async () => {
    takesDeletions();
    await world.addReplica(patient);
    await setPolicy(world.database, { scope: 'subject', value: 'alice', retentionDays: 2 });
    const runId = await ran();

    world.skipped += 2 * day + 60_000;

    await vi.waitFor(async () => expect((await world.row(runId)).payload_deleted_at).not.toBeNull());
    await vi.waitFor(() => expect(deleted).toEqual([world.platform.jobOf(runId).id]));
    expect((await world.row(runId)).input).toBe('{}');
  });
});
