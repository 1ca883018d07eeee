import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, type ErrorCode } from '@inferry/contracts';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SubmitScript, succeeded } from '../testing/platform.ts';
import { createWorld, fastTimings, type World } from '../testing/world.ts';
import { diskFiles, SubmitJournal } from './submit-facts.ts';

const journalParts = { log: pino({ level: 'silent' }), timings: fastTimings, random: Math.random };

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.addReplica();
});
afterEach(() => world.close());

function refuse(code: ErrorCode): () => never {
  return () => {
    throw new AppError(code, 'Refused.');
  };
}

/** The platform takes the job, and nobody hears of it. */
const loseReply: SubmitScript = (_request, accept) => {
  accept();
  throw new TypeError('socket hang up');
};

describe('a submit', () => {
  it.each(['busy', 'rate_limited', 'upstream_unavailable'] as const)(
    'is repeated when refused as %s',
    async (code) => {
      world.platform.submitScripts = [refuse(code), refuse(code)];
      world.platform.endsAs = succeeded();

      const { run } = await world.run();

      expect(run?.status).toBe('succeeded');
      expect(world.platform.submitCount).toBe(1);
    },
  );

  it('carries the tags of its run, for platforms that keep some (MRD-02)', async () => {
    const runId = await world.start({ metadata: { team: 'a' } });

    await vi.waitFor(() => expect(world.platform.jobOf(runId).request.tags).toEqual({ team: 'a' }));
  });

  it('is not repeated past the deadline of the run, and then nothing is charged', async () => {
    world.platform.submitScripts = Array.from({ length: 5_000 }, () => refuse('busy'));
    const runId = await world.start({ options: { ttl_seconds: 60 } });
    await vi.waitFor(() => expect(world.platform.submitScripts.length).toBeLessThan(5_000));
    world.skipped += 60_000;

    const row = await world.ended(runId);

    expect(row.status).toBe('expired');
    expect(JSON.parse(row.error ?? '')).toMatchObject({ code: 'run_expired' });
    expect(await world.ledger(runId)).toEqual({ reserve: 500_000, release: -500_000 });
  });

  it.each(['validation_failed', 'unauthorized', 'content_blocked', 'upstream_failed'] as const)(
    'fails the run with its code when refused as %s [RF-66]',
    async (code) => {
      world.platform.submitScripts = [refuse(code)];

      const { error } = await world.run();

      expect(error?.code).toBe(code);
      expect(world.platform.submitCount).toBe(0);
    },
  );

  it('whose reply was lost is asked about and not sent again', async () => {
    world.platform.endsAs = succeeded();
    world.platform.submitScripts = [loseReply];

    const { run } = await world.run();

    expect(run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('that was lost on its way is sent again', async () => {
    world.platform.endsAs = succeeded();
    world.platform.submitScripts = [
      () => {
        throw new TypeError('connect ECONNREFUSED');
      },
    ];

    const { run } = await world.run();

    expect(run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it.each(['upstream_malformed', 'deadline_exceeded'] as const)(
    'that ended as %s may have been taken: asked',
    async (code) => {
      world.platform.endsAs = succeeded();
      world.platform.submitScripts = [
        (_request, accept) => {
          accept();
          throw new AppError(code, 'No answer that can be read.');
        },
      ];

      expect((await world.run()).run?.status).toBe('succeeded');
      expect(world.platform.submitCount).toBe(1);
    },
  );

  it('that hangs is cut off and asked about', async () => {
    world.platform.endsAs = succeeded();
    world.platform.submitScripts = [
      (_request, accept) => {
        accept();
        return new Promise(() => undefined);
      },
    ];

    expect((await world.run()).run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('of which nobody can tell fails as submit_unknown with the facts, and stays counted in the budget', async () => {
    world.platform.onRecover = () => ({ outcome: 'unknown' });
    world.platform.submitScripts = [loseReply];

    const { error } = await world.run();

    const runId = error?.details?.run?.run_id ?? '';
    expect(error).toMatchObject({ code: 'submit_unknown', details: { provider: 'scripted', run_id: runId } });
    expect(error?.details?.run?.cost?.charged).toBeUndefined();
    expect(await world.ledger(runId)).toEqual({ reserve: 500_000, release: -500_000, charge: 500_000 });
    expect(world.platform.submitCount).toBe(1);
  });

  it('is not sent again for one list that lags when it should be certain, whatever was said before', async () => {
    const { submitTimeoutMs, submitSettlesMs } = fastTimings;
    let isStale = true;
    world.platform.endsAs = succeeded();
    world.platform.onRecover = async (runId) => {
      const { submitted_at: at } = await world.row(runId);
      const isCertain = Date.now() >= (at ?? 0) + submitTimeoutMs + submitSettlesMs;
      if (!isCertain || isStale) {
        isStale = !isCertain;
        return { outcome: 'absent' };
      }
      return { outcome: 'found', handle: { id: world.platform.jobOf(runId).id } };
    };
    world.platform.submitScripts = [loseReply];

    expect((await world.run()).run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('is not given up while the store is away in which its answer may be noted', async () => {
    const [first] = world.replicas;
    world.platform.endsAs = succeeded();
    world.platform.onRecover = () => ({ outcome: 'unknown' });
    world.platform.submitScripts = [
      (_request, accept) => {
        accept();
        return new Promise(() => undefined);
      },
    ];
    const runId = await world.start();
    const { submitted_at: submittedAt } = await world.reached(runId, 'submitting');
    await vi.waitFor(() => expect(world.platform.submitCount).toBe(1));
    first?.gate.crash();
    const handle = { id: world.platform.jobOf(runId).id };
    const entry = { run_id: runId, submitted_at: submittedAt ?? 0, token: 't', handle };
    await new SubmitJournal({ ...journalParts, folder: undefined, notes: world.limits }).took(entry);
    const readNote = world.limits.readNote.bind(world.limits);
    let isAway = true;
    let reads = 0;
    world.limits.readNote = async (key) => {
      reads += 1;
      if (isAway) throw new Error('the store is away');
      return readNote(key);
    };
    world.skipped += fastTimings.submitTimeoutMs + fastTimings.submitSettlesMs + fastTimings.leaseMs;
    await world.addReplica();

    await vi.waitFor(() => expect(reads).toBeGreaterThan(2));
    expect((await world.row(runId)).phase).toBe('submitting');
    isAway = false;

    expect(await world.ended(runId)).toMatchObject({ status: 'succeeded' });
    expect(world.platform.submitCount).toBe(1);
  });

  it('is asked about again when the platform does not answer that either', async () => {
    let failures = 3;
    world.platform.endsAs = succeeded();
    world.platform.onRecover = (runId) => {
      if (failures-- > 0) throw new Error('no network');
      return { outcome: 'found', handle: { id: world.platform.jobOf(runId).id } };
    };
    world.platform.submitScripts = [loseReply];

    expect((await world.run()).run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });

  it('ends as submit_unknown when the platform has not answered by the deadline', async () => {
    world.platform.onRecover = () => {
      throw new Error('no network');
    };
    world.platform.submitScripts = [
      () => {
        throw new TypeError('socket hang up');
      },
    ];
    const runId = await world.start();
    await world.reached(runId, 'submitting');
    world.skipped += 3_600_000;

    const row = await world.ended(runId);

    expect(JSON.parse(row.error ?? '')).toMatchObject({ code: 'submit_unknown' });
  });

  it('waits for a provider that is not ready', async () => {
    world.platform.ready = { isReady: false };
    world.platform.endsAs = succeeded();
    const runId = await world.start();
    await vi.waitFor(async () =>
      expect((await world.row(runId)).next_poll_at).toBeGreaterThan(Date.now() + 1_000),
    );
    expect(world.platform.submitCount).toBe(0);

    world.platform.ready = { isReady: true };
    world.skipped += 5_000;

    expect((await world.ended(runId)).status).toBe('succeeded');
  });

  it('keeps the id of an accepted run also when the database fails just then', async () => {
    world.platform.onRecover = () => ({ outcome: 'unknown' });
    world.platform.endsAs = succeeded();
    const { queries } = world.database;
    world.platform.submitScripts = [
      async (_request, accept) => {
        accept();
        await queries.schema.alterTable('run_events').renameTo('run_events_away').execute();
        setTimeout(
          () => void queries.schema.alterTable('run_events_away').renameTo('run_events').execute(),
          60,
        );
      },
    ];

    expect((await world.run()).run?.status).toBe('succeeded');
    expect(world.platform.submitCount).toBe(1);
  });
});

it('is judged by nobody while its own process, which slept, has still to say that nothing left', async () => {
  const journalFolder = await mkdtemp(join(tmpdir(), 'journal-'));
  const { promise: asleep, resolve: wake } = Promise.withResolvers<void>();
  const slept = await createWorld();
  slept.platform.onRecover = () => ({ outcome: 'unknown' });
  slept.platform.endsAs = succeeded();
  const write = vi.fn<typeof diskFiles.write>(async (file, text) => {
    await asleep;
    await diskFiles.write(file, text);
  });
  try {
    // It does not renew its lease: whether that or the look for ended leases comes first after the sleep is chance.
    const timings = { renewMs: 600_000 };
    await slept.addReplica({ journalFolder, journalFiles: { ...diskFiles, write }, timings });
    const runId = await slept.start();
    await vi.waitFor(() => expect(write).toHaveBeenCalled());
    const { version } = await slept.row(runId);

    slept.skipped += 3_600_000 / 2;
    await vi.waitFor(async () => expect((await slept.row(runId)).version).toBeGreaterThan(version + 3));
    wake();

    expect((await slept.ended(runId)).status).toBe('succeeded');
    expect(slept.platform.submitCount).toBe(1);
  } finally {
    await slept.close();
    await rm(journalFolder, { recursive: true });
  }
});
