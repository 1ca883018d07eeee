import { setBudget } from '@inferry/database';
import { describe, expect, it } from 'vitest';
import { CrashGate } from '../testing/crash-gate.ts';
import { type Platform, succeeded } from '../testing/platform.ts';
import { createWorld, fastTimings, type Reply, type World } from '../testing/world.ts';

const clientRef = 'the-only-one';
const maxSteps = 80;

interface Trial {
  /** What the platform does, before anything starts. */
  script(platform: Platform): void;
  /** What else dies with the process. */
  onCrash?(platform: Platform): void;
  /** `lastStep` is the one after which it died; a run that came through has the last of all. */
  check(world: World, reply: Reply, lastStep: string): Promise<void> | void;
}

/** Starts a run on a replica that dies after its k-th step, then asks another one for it; for every k there is. */
async function killAtEachStep(trial: Trial): Promise<number> {
  for (let step = 0; step < maxSteps; step++) {
    const hasCrashed = await killAt(step, trial);
    if (!hasCrashed) return step;
  }
  throw new Error('a run has more steps than expected');
}

async function killAt(step: number, trial: Trial): Promise<boolean> {
  const world = await createWorld();
  try {
    const budget = { subject: 'alice', period: 'total', currency: 'USD', limitMicros: 1_000_000 } as const;
    await setBudget(world.database.queries, budget);
    trial.script(world.platform);
    const gate = new CrashGate(step);
    await world.addReplica({ gate });
    const first = world
      .run({ client_ref: clientRef, wait_seconds: 20 }, { timeoutMs: 20_000 })
      .catch(() => undefined);
    await Promise.race([first, gate.crashed]);
    const hasCrashed = gate.isCrashed;
    if (hasCrashed) trial.onCrash?.(world.platform);
    world.skipped += fastTimings.leaseMs;
    await world.addReplica();

    const reply = await world.run({ client_ref: clientRef, wait_seconds: 20 });

    await expectOneRunSettledOnce(world, gate.lastStep);
    await trial.check(world, reply, gate.lastStep);
    return hasCrashed;
  } finally {
    await world.close();
  }
}

async function expectOneRunSettledOnce({ database }: World, lastStep: string): Promise<void> {
  const runs = await database.queries.selectFrom('runs').selectAll().execute();
  const ledger = await database.queries.selectFrom('ledger').selectAll().execute();
  const sumOf = (kind: string) =>
    ledger.filter((entry) => entry.kind === kind).map((entry) => entry.amount_micros);
  expect(runs, lastStep).toHaveLength(1);
  expect(runs[0]?.phase, lastStep).toBe('done');
  expect(sumOf('reserve'), lastStep).toEqual([500_000]);
  expect(sumOf('release'), lastStep).toEqual([-500_000]);
  expect(sumOf('charge'), lastStep).toHaveLength(1);
}

describe('a replica killed at any point of a run', () => {
  it('submits and charges once and loses nothing, on a platform that can say what it took', async () => {
    const steps = await killAtEachStep({
      script: (platform) => {
        platform.endsAs = succeeded();
      },
      check: ({ platform }, { run }) => {
        expect(run?.status).toBe('succeeded');
        expect(run?.cost?.charged).toBe(0.07);
        expect(platform.submitCount).toBe(1);
      },
    });

    expect(steps).toBeGreaterThan(15);
  }, 120_000);

  it('stores each file once', async () => {
    const outputs = [0, 1].map(() => ({
      kind: 'image' as const,
      contentType: 'image/png',
      bytes: Buffer.from('png'),
    }));
    await killAtEachStep({
      script: (platform) => {
        platform.endsAs = succeeded('', { outputs });
      },
      check: ({ platform, files }, { run }) => {
        expect(run?.outputs?.map((output) => output.asset_id)).toHaveLength(2);
        expect(files.byRef.size).toBe(2);
        expect(platform.submitCount).toBe(1);
      },
    });
  }, 120_000);

  it('never submits twice where the platform cannot tell what became of a submit', async () => {
    const endings = new Set<string>();
    const unknownAfter = new Set<string>();
    await killAtEachStep({
      script: (platform) => {
        platform.endsAs = succeeded();
        platform.onRecover = () => ({ outcome: 'unknown' });
      },
      check: ({ platform }, { run, error }, lastStep) => {
        const ending = run?.status ?? error?.code ?? '';
        endings.add(ending);
        if (ending === 'submit_unknown') unknownAfter.add(lastStep);
        expect(['succeeded', 'submit_unknown']).toContain(ending);
        expect(platform.submitCount).toBeLessThanOrEqual(1);
      },
    });

    expect([...endings].sort()).toEqual(['submit_unknown', 'succeeded']);
    // From the moment at which the job is noted where others can read it, nothing is lost.
    const before = ['commit', 'before submit', 'after submit', 'before note'];
    expect([...unknownAfter].filter((step) => !before.includes(step))).toEqual([]);
    expect(unknownAfter).toContain('before note');
  }, 120_000);

  it('starts a job again that died with its process, and charges once', async () => {
    await killAtEachStep({
      script: (platform) => {
        platform.capabilities = { ...platform.capabilities, jobs: 'process' };
        platform.endsAs = succeeded();
      },
      onCrash: (platform) => platform.jobs.clear(),
      check: ({ platform }, { run }) => {
        expect(run?.status).toBe('succeeded');
        expect(platform.submitCount).toBeLessThanOrEqual(2);
      },
    });
  }, 120_000);
});
