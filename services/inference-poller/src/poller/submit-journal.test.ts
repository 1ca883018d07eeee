import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInProcessLimits } from '@inferry/limits';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { diskFiles, SubmitJournal } from './submit-journal.ts';

const log = pino({ level: 'silent' });
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
  return new SubmitJournal({ folder: options.folder, notes: options.notes ?? createInProcessLimits(), log });
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
  const blind = new SubmitJournal({ folder, notes, log, files: { ...diskFiles, read } });

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
  const journal = new SubmitJournal({ folder, notes: createInProcessLimits(), log, files });
  await journal.begin(sent);

  const forgotten = journal.forget('run_a', 't1');
  const later = { ...taken, token: 't2' };
  const kept = journal.took(later);
  reading.resolve();
  await Promise.all([forgotten, kept]);

  expect(await journal.find('run_a')).toEqual(later);
  expect(await open({ folder }).leftBehind()).toEqual([later]);
});
