import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInProcessLimits } from '@inferry/limits';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultTimings } from '../timings.ts';
import { diskFiles, SubmitJournal } from './submit-facts.ts';

const parts = {
  log: pino({ level: 'silent' }),
  timings: { ...defaultTimings, retryBaseMs: 1, retryMaxMs: 4 },
  random: () => 0.5,
};
const sent = { run_id: 'run_a', submitted_at: 1_000, token: 't1' };
const taken = { ...sent, handle: { id: 'job-1' }, is_queued: false };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(
  options: { folder?: string; notes?: ReturnType<typeof createInProcessLimits> } = {},
): SubmitJournal {
  return new SubmitJournal({
    ...parts,
    folder: options.folder,
    notes: options.notes ?? createInProcessLimits(),
  });
}

it('tells the next process on this disk what was taken, until the row has it', async () => {
  const first = open({ folder });
  await first.begin(sent);
  expect(await open({ folder }).leftBehind()).toEqual([sent]);
  await first.took(taken);

  const next = open({ folder });
  expect(await next.leftBehind()).toEqual([taken]);
  expect(await next.find('run_a')).toEqual(taken);
  await next.forget('run_a', 'another submit');
  expect(await next.find('run_a')).toEqual(taken);
  await next.forget('run_a', 't1');
  expect(await readdir(folder)).toEqual([]);
});

it('tells a replica on another machine by the store that they share', async () => {
  const notes = createInProcessLimits();
  const first = open({ notes });
  await first.took(taken);

  expect(await open({ notes }).find('run_a')).toEqual(taken);
  await first.forget('run_a');
  expect(await open({ notes }).find('run_a')).toBeUndefined();
});

it('keeps in memory what no disk and no store takes', async () => {
  const notes = createInProcessLimits();
  notes.note = async () => {
    throw new Error('the store is away');
  };
  const journal = open({ folder: join(folder, 'there', 'is', 'none'), notes });
  await journal.took(taken);

  expect(await journal.find('run_a')).toEqual(taken);
});

it('reads past what was cut off, and what is none of its entries', async () => {
  await writeFile(join(folder, 'run_b.json'), '{"run_id":"run_b","subm');
  await writeFile(join(folder, 'run_c.json'), '{"run_id":"../../etc"}');

  expect(await open({ folder }).leftBehind()).toEqual([]);
});

it('says when disk or store could not be read, so that nobody takes that for no answer', async () => {
  const notes = createInProcessLimits();
  const read = async () =>
    Promise.reject(Object.assign(new Error('too many open files'), { code: 'EMFILE' }));
  const blind = new SubmitJournal({ ...parts, folder, notes, files: { ...diskFiles, read } });

  expect(await open({ folder }).look('run_a')).toEqual({ entry: undefined, isWhole: true });
  expect(await blind.look('run_a')).toEqual({ entry: undefined, isWhole: false });
  await open({ notes }).took(taken);
  expect((await blind.look('run_a')).entry).toEqual(taken);
  notes.readNote = read;
  expect(await open({ folder, notes }).look('run_a')).toEqual({ entry: undefined, isWhole: false });
});

it('keeps the answer of a later submit that comes while one before it is forgotten', async () => {
  const reading = Promise.withResolvers<void>();
  let isSlow = true;
  const files = {
    ...diskFiles,
    async read(file: string) {
      const text = await diskFiles.read(file);
      if (isSlow) await reading.promise;
      isSlow = false;
      return text;
    },
  };
  const journal = new SubmitJournal({ ...parts, folder, notes: createInProcessLimits(), files });
  await journal.begin(sent);

  const forgotten = journal.forget('run_a', 't1');
  const later = { ...taken, token: 't2' };
  const kept = journal.took(later);
  reading.resolve();
  await Promise.all([forgotten, kept]);

  expect(await journal.find('run_a')).toEqual(later);
  expect(await open({ folder }).leftBehind()).toEqual([later]);
});

/** A store of notes that takes none until it is told to. */
function storeThatIsAway() {
  const notes = createInProcessLimits();
  const { note } = notes;
  const store = { notes, isAway: true, told: 0 };
  notes.note = async (...args) => {
    store.told += 1;
    if (store.isAway) throw new Error('the store is away');
    return note.apply(notes, args);
  };
  return store;
}

describe('a store of notes that is away', () => {
  it('is told again until it has the answer', async () => {
    const store = storeThatIsAway();
    await open(store).took(taken);
    await vi.waitFor(() => expect(store.told).toBeGreaterThan(3), 30_000);
    store.isAway = false;

    await vi.waitFor(async () => expect(await open(store).find('run_a')).toEqual(taken), 30_000);
  });

  it('is told no more of what the row has, nor of an answer in whose place another one came', async () => {
    const store = storeThatIsAway();
    const written: string[] = [];
    const journal = open(store);
    const later = { ...taken, token: 't2' };
    await journal.took({ ...taken, run_id: 'run_b' });
    await journal.took(taken);
    await journal.took(later);
    await journal.forget('run_b');
    const { note } = store.notes;
    store.notes.note = (key, text, ms) => {
      written.push(text);
      return note(key, text, ms);
    };
    await vi.waitFor(() => expect(written.length).toBeGreaterThan(3), 30_000);
    store.isAway = false;
    await vi.waitFor(async () => expect(await open(store).find('run_a')).toEqual(later), 30_000);

    expect(new Set(written.map((text) => JSON.parse(text).token))).toEqual(new Set(['t2']));
    expect(await open(store).find('run_b')).toBeUndefined();
  });

  it('is left alone in the end, and chance has a part in each wait', async () => {
    const store = storeThatIsAway();
    const drawn: number[] = [];
    const random = () => {
      drawn.push(store.told);
      return 0.5;
    };
    await new SubmitJournal({ ...parts, random, folder: undefined, notes: store.notes }).took(taken);

    await vi.waitFor(() => expect(store.told).toBe(32), 30_000);
    expect(drawn).toEqual(Array.from({ length: 31 }, (_, index) => index + 1));
  });

  it('is left alone by a process that ends', async () => {
    const store = storeThatIsAway();
    const journal = open(store);
    await journal.took(taken);
    journal.close();
    store.isAway = false;
    await journal.took({ ...taken, run_id: 'run_b' });

    expect([store.told, await open(store).find('run_a')]).toEqual([1, undefined]);
  });
});
