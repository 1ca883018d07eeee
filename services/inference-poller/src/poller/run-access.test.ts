import { AppError, type Principal } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { optionsOf } from '../runs/run-document.ts';
import { succeeded } from '../testing/platform.ts';
import { alice, bob, createWorld, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

const brought: Principal = { ...alice, subject: 'key:abc', grant_id: 'pt_abc', kind: 'passthrough' };

describe('a run', () => {
  test('goes to its platform with its caller’s key, from submit to the last poll', async () => {
    world.keys.set('alice', { key: 'sk-alice', connectionId: 'conn_a' });
    world.keys.set('bob', { key: 'sk-bob', connectionId: 'conn_b' });
    world.platform.endsAs = succeeded();

    const { run } = await world.run();
    await world.run({}, { principal: bob });

    expect(run?.status).toBe('succeeded');
    expect([...new Set(world.platform.shownKeys)]).toEqual([
      'submit sk-alice',
      'poll sk-alice',
      'submit sk-bob',
      'poll sk-bob',
    ]);
  });

  test('stays with the connection that it was sent with, and keeps no key', async () => {
    world.keys.set('alice', { key: 'sk-alice', connectionId: 'conn_a' });
    const runId = await world.start();
    await world.reached(runId, 'running');

    const row = await world.row(runId);

    expect(optionsOf(row).connection).toBe('conn_a');
    expect(JSON.stringify(row)).not.toContain('sk-alice');
  });

  test('is not sent while nobody can be asked for a key, and is sent once somebody can', async () => {
    world.vaultIsDown = true;
    world.platform.endsAs = succeeded();
    const runId = await world.start();
    await vi.waitFor(async () => expect((await world.row(runId)).poll_attempts).toBeGreaterThan(1));
    const before = world.platform.submitCount;
    world.vaultIsDown = false;

    const row = await world.ended(runId);

    expect(before).toBe(0);
    expect(row.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  test('outlives a vault that is away while it is polled', async () => {
    world.keys.set('alice', { key: 'sk-alice', connectionId: 'conn_a' });
    const runId = await world.start();
    await world.reached(runId, 'running');
    world.vaultIsDown = true;
    await vi.waitFor(async () => expect((await world.row(runId)).poll_attempts).toBeGreaterThan(1));
    world.platform.set(runId, succeeded());
    world.vaultIsDown = false;

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  test('is never sent without the key that its platform needs, nor asked about', async () => {
    await world.close();
    world = await createWorld();
    world.platform.needsKey = true;
    await world.addReplica();

    const none = await world.run({}, { principal: bob });
    world.keys.set('alice', { key: 'sk-alice', connectionId: 'conn_a' });
    const runId = await world.start();
    await world.reached(runId, 'running');
    world.keys.delete('alice');
    const { poll_attempts: before } = await world.row(runId);
    await vi.waitFor(async () => expect((await world.row(runId)).poll_attempts).toBeGreaterThan(before + 1));

    expect(none.error).toMatchObject({ code: 'provider_not_connected', next_action: expect.any(String) });
    expect(none.run?.cost?.charged ?? 0).toBe(0);
    expect(world.platform.submitCount).toBe(1);
    expect(world.platform.shownKeys.filter((call) => !call.endsWith('sk-alice'))).toEqual([]);
  });

  test('has its key reported when its platform refuses it twice, and not before', async () => {
    world.keys.set('alice', { key: 'sk-dead', connectionId: 'conn_a' });
    world.platform.deadKeys.add('sk-dead');

    const first = await world.run();
    const heardAfterOne = [...world.vaultHeard];
    await world.run();

    expect(first.error?.code).toBe('unauthorized');
    expect(heardAfterOne).toEqual([]);
    await vi.waitFor(() => expect(world.vaultHeard).toEqual(['report conn_a']));
  });
});

describe('a key that its platform wants to be left alone with', () => {
  const refuse = (retryAfterSeconds?: number) => () => {
    throw new AppError('rate_limited', 'Too many requests.', { retryAfterSeconds });
  };

  test('gives way to another one of the same owner, at once', async () => {
    world.keys.set('alice', { key: 'sk-first', connectionId: 'conn_a' });
    world.spareKeys.set('alice', { key: 'sk-second', connectionId: 'conn_b' });
    world.platform.submitScripts = [refuse(45)];
    world.platform.endsAs = succeeded();

    const { run } = await world.run();

    expect(run?.status).toBe('succeeded');
    expect(world.vaultHeard).toEqual(['limit conn_a 45 s']);
    expect(world.platform.shownKeys.filter((shown) => shown.startsWith('submit'))).toEqual([
      'submit sk-first',
      'submit sk-second',
    ]);
    expect(optionsOf(await world.row(run?.run_id ?? '')).connection).toBe('conn_b');
  });

  test('is waited for as long as the platform asks when there is no other', async () => {
    world.keys.set('alice', { key: 'sk-first', connectionId: 'conn_a' });
    world.platform.submitScripts = [refuse(45)];
    const runId = await world.start();
    await vi.waitFor(() => expect(world.vaultHeard).toEqual(['limit conn_a 45 s']));

    const row = await world.reached(runId, 'queued');

    expect((row.next_poll_at ?? 0) - Date.now()).toBeGreaterThan(40_000);
  });

  test('counts as limited for a moment when the platform does not say for how long', async () => {
    world.keys.set('alice', { key: 'sk-first', connectionId: 'conn_a' });
    world.platform.submitScripts = [refuse()];
    world.platform.endsAs = succeeded();

    expect((await world.run()).run?.status).toBe('succeeded');
    expect(world.vaultHeard).toEqual(['limit conn_a 10 s']);
  });

  test('is tried again though nobody can be told', async () => {
    world.keys.set('alice', { key: 'sk-first', connectionId: 'conn_a' });
    world.platform.submitScripts = [
      () => {
        world.vaultIsDown = true;
        return refuse(0)();
      },
    ];
    world.platform.endsAs = succeeded();
    const answered = world.run();
    await vi.waitFor(() => expect(world.vaultIsDown).toBe(true));
    world.vaultIsDown = false;

    expect((await answered).run?.status).toBe('succeeded');
  });
});

describe('a key that its caller brought along', () => {
  test('is released when the last run that needs it has ended', async () => {
    world.keys.set('key:abc', { key: 'rf_live_own', connectionId: 'pt_abc' });
    const one = await world.start({}, { principal: brought });
    const two = await world.start({}, { principal: brought });
    await Promise.all([world.reached(one, 'running'), world.reached(two, 'running')]);
    world.platform.set(one, succeeded());
    await world.ended(one);
    const heardAfterOne = [...world.vaultHeard];

    world.platform.set(two, succeeded());
    await world.ended(two);

    expect(heardAfterOne).toEqual([]);
    await vi.waitFor(() => expect(world.vaultHeard).toEqual(['release key:abc']));
  });

  test('is nobody’s business when it was not brought along', async () => {
    world.keys.set('alice', { key: 'sk-alice', connectionId: 'conn_a' });
    world.platform.endsAs = succeeded();

    await world.run();
    await world.run({}, { principal: bob });

    expect(world.vaultHeard).toEqual([]);
  });
});
