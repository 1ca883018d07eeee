import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBudget } from '@inferry/database';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { verifyLedger } from '../runs/verify-ledger.ts';
import type { InferenceOptions } from '../service.ts';
import { CrashGate } from '../testing/crash-gate.ts';
import { type Platform, succeeded } from '../testing/platform.ts';
import { createWorld, fastTimings, type Reply, type World } from '../testing/world.ts';
import { SubmitJournal } from './submit-facts.ts';

const clientRef = 'the-only-one';

interface Death {
  /** After which step it died; undefined: it lived. */
  step: string | undefined;
  /** Whether anybody who lived on could know by then which job the platform has. */
  wasKnown: boolean;
}

interface Trial {
  /** What the platform does, before anything starts. */
  script(world: World): void;
  /** What all replicas are started with. */
  options?: Partial<InferenceOptions>;
  /** What else dies with the process. */
  onCrash?(platform: Platform): void;
  check(world: World, reply: Reply, death: Death): Promise<void> | void;
}

/**
 * Starts a run on a replica that dies after one of its steps, then asks another one for it: for every step that such a run
 * has where nobody dies. Returns those at which one did die.
 */
async function killAtEachStep(trial: Trial): Promise<string[]> {
  const whole = await killAt(undefined, trial);
  const deaths: string[] = [];
  for (const step of new Set(whole.steps)) {
    const { hasCrashed } = await killAt(step, trial);
    if (hasCrashed) deaths.push(step);
  }
  return deaths;
}

async function killAt(
  step: string | undefined,
  trial: Trial,
): Promise<{ steps: string[]; hasCrashed: boolean }> {
  const world = await createWorld();
  try {
    const budget = { subject: 'alice', period: 'total', currency: 'USD', limitMicros: 1_000_000 } as const;
    await setBudget(world.database.queries, budget);
    trial.script(world);
    const gate = new CrashGate(step);
    await world.addReplica({ ...trial.options, gate });
    const first = world
      .run({ client_ref: clientRef, wait_seconds: 20 }, { timeoutMs: 20_000 })
      .catch(() => undefined);
    await Promise.race([first, gate.crashed]);
    gate.disarm();
    const hasCrashed = gate.isCrashed;
    const steps = [...gate.steps];
    const wasKnown = await isJobKnown(world, trial.options?.journalFolder);
    if (hasCrashed) {
      trial.onCrash?.(world.platform);
      world.skipped += fastTimings.leaseMs;
    }
    await world.addReplica({ ...trial.options });

    const reply = await world.run({ client_ref: clientRef, wait_seconds: 20 });

    const death = { step: hasCrashed ? step : undefined, wasKnown };
    await expectOneRunSettledOnce(world, `killed after ${death.step}`);
    await trial.check(world, reply, death);
    return { steps, hasCrashed };
  } finally {
    await world.close();
  }
}

/** Read as a successor reads it: the row, the store that replicas share, and the journal on this disk. */
async function isJobKnown({ database, limits }: World, folder: string | undefined): Promise<boolean> {
  const row = await database.queries.selectFrom('runs').selectAll().executeTakeFirst();
  if (row === undefined) return false;
  const journal = new SubmitJournal({
    ...{ folder, notes: limits, log: pino({ level: 'silent' }) },
    ...{ timings: fastTimings, random: Math.random },
  });
  return row.handle !== null || (await journal.find(row.run_id))?.handle !== undefined;
}

async function expectOneRunSettledOnce({ database }: World, when: string): Promise<void> {
  expect((await verifyLedger(database)).examples, when).toEqual([]);
  const runs = await database.queries.selectFrom('runs').selectAll().execute();
  const ledger = await database.queries.selectFrom('ledger').selectAll().execute();
  const sumOf = (kind: string) =>
    ledger.filter((entry) => entry.kind === kind).map((entry) => entry.amount_micros);
  expect(runs, when).toHaveLength(1);
  expect(runs[0]?.phase, when).toBe('done');
  expect(sumOf('reserve'), when).toEqual([500_000]);
  expect(sumOf('release'), when).toEqual([-500_000]);
  expect(sumOf('charge'), when).toHaveLength(1);
}

/** A platform that cannot tell what it took: what the process knew is all that there is. */
function cannotTell(endings: Map<string | undefined, string>): Trial['check'] {
  return ({ platform }, { run, error }, { step, wasKnown }) => {
    const ending = run?.status ?? error?.code ?? '';
    endings.set(step, ending);
    const isLossAllowed = step !== undefined && !wasKnown;
    expect(isLossAllowed ? ['succeeded', 'submit_unknown'] : ['succeeded'], `after ${step}`).toContain(
      ending,
    );
    expect(platform.submitCount).toBeLessThanOrEqual(1);
  };
}

describe('a replica killed at any point of a run', () => {
  it('submits and charges once and loses nothing, on a platform that can say what it took', async () => {
    const deaths = await killAtEachStep({
      script: ({ platform }) => {
        platform.endsAs = succeeded();
      },
      check: ({ platform }, { run }) => {
        expect(run?.status).toBe('succeeded');
        expect(run?.cost?.charged).toBe(0.07);
        expect(platform.submitCount).toBe(1);
      },
    });

    expect(deaths.length).toBeGreaterThan(15);
  }, 300_000);

  it('stores each file once', async () => {
    const outputs = [0, 1].map(() => ({
      kind: 'image' as const,
      contentType: 'image/png',
      bytes: Buffer.from('png'),
    }));
    await killAtEachStep({
      script: ({ platform }) => {
        platform.endsAs = succeeded('', { outputs });
      },
      check: ({ platform, files }, { run }) => {
        expect(run?.outputs?.map((output) => output.asset_id)).toHaveLength(2);
        expect(files.byRef.size).toBe(2);
        expect(platform.submitCount).toBe(1);
      },
    });
  }, 300_000);

  it('never submits twice where the platform cannot tell what became of a submit', async () => {
    const endings = new Map<string | undefined, string>();
    await killAtEachStep({
      script: ({ platform }) => {
        platform.endsAs = succeeded();
        platform.onRecover = () => ({ outcome: 'unknown' });
      },
      check: cannotTell(endings),
    });

    // What nobody but the dead process had is lost; from the moment at which others can read it, nothing is.
    expect(endings.get('after submit 1')).toBe('submit_unknown');
    expect(endings.get('before note 1')).toBe('submit_unknown');
    expect(endings.get('after note 1')).toBe('succeeded');
  }, 300_000);

  it('loses nothing from the moment at which a file says it, where no store is shared', async () => {
    const journalFolder = await mkdtemp(join(tmpdir(), 'journal-'));
    const endings = new Map<string | undefined, string>();
    try {
      await killAtEachStep({
        options: { journalFolder },
        script: ({ platform, limits }) => {
          platform.endsAs = succeeded();
          platform.onRecover = () => ({ outcome: 'unknown' });
          limits.note = () => Promise.reject(new Error('the store is away'));
        },
        check: cannotTell(endings),
      });
    } finally {
      await rm(journalFolder, { recursive: true });
    }

    expect(endings.get('after writing the answer 1')).toBe('submit_unknown');
    expect(endings.get('before renaming the answer 1')).toBe('submit_unknown');
    expect(endings.get('after renaming the answer 1')).toBe('succeeded');
    expect(endings.get('before removing a file 1')).toBe('succeeded');
  }, 300_000);

  it('never sends a call again whose answer only the process that died could have', async () => {
    const endings = new Map<string | undefined, string>();
    await killAtEachStep({
      script: ({ platform }) => {
        const open = platform.provider.bind(platform);
        platform.provider = () => ({ ...open(), jobsOf: () => 'process' });
        platform.endsAs = succeeded();
        platform.onRecover = () => ({ outcome: 'unknown' });
      },
      check: ({ platform }, { run, error }, { step }) => {
        endings.set(step, run?.status ?? error?.code ?? '');
        expect(platform.submitCount).toBeLessThanOrEqual(1);
      },
    });

    expect(endings.get('after submit 1')).toBe('submit_unknown');
    expect(endings.get(undefined)).toBe('succeeded');
  }, 300_000);

  it('starts a job again that died with its process, and charges once', async () => {
    await killAtEachStep({
      script: ({ platform }) => {
        platform.capabilities = { ...platform.capabilities, jobs: 'process' };
        platform.endsAs = succeeded();
      },
      onCrash: (platform) => platform.jobs.clear(),
      check: ({ platform }, { run }) => {
        expect(run?.status).toBe('succeeded');
        expect(platform.submitCount).toBeLessThanOrEqual(2);
      },
    });
  }, 300_000);
});
