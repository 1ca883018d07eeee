/** What is known of submits: kept until a row has it, and written to the row, whoever holds the run by then. */

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runQueued } from '@inferry/contracts';
import { type Adoption, adoptJob, changeUnanswered, type RunRow, type RunWrite } from '@inferry/database';
import type { JobHandle } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { idOf, optionsOf, type RunOptions } from '../runs/run-document.ts';
import { backoffMs, sleep, type Timings } from '../timings.ts';
import { publishProgress } from './held-run.ts';

/** One submit of a run, as the row names it. */
export interface SubmitRef {
  runId: string;
  submittedAt: number;
  token: string;
}

type FactDeps = Pick<InferenceDeps, 'bus' | 'database' | 'log' | 'journal' | 'now'>;

/** Writes that are repeated until the database has taken them, whoever holds the run by then. */
export class Insistence {
  readonly #work = new Map<string, Promise<void>>();
  /** Calls that have left and have no answer yet. */
  readonly #out = new Set<Promise<void>>();
  /** Runs of which this process has a submit on its way out. */
  readonly #sending = new Map<string, number>();
  readonly #closing = new AbortController();
  #isSending = true;
  readonly #deps: Pick<InferenceDeps, 'log' | 'timings' | 'random'>;

  constructor(deps: Pick<InferenceDeps, 'log' | 'timings' | 'random'>) {
    this.#deps = deps;
  }

  /** Whether something of a run still waits to be written. */
  has(runId: string): boolean {
    return this.#work.has(runId);
  }

  /** Whether this process will say itself what became of a submit of the run. */
  willTell(runId: string): boolean {
    return this.has(runId) || this.#sending.has(runId);
  }

  /** A submit begins; it is over, or its outcome is on its way to the row, when the returned function is called. */
  beginSubmit(runId: string): () => void {
    this.#sending.set(runId, (this.#sending.get(runId) ?? 0) + 1);
    return () => {
      const others = (this.#sending.get(runId) ?? 1) - 1;
      if (others > 0) this.#sending.set(runId, others);
      else this.#sending.delete(runId);
    };
  }

  insist(runId: string, write: () => Promise<unknown>): void {
    const before = this.#work.get(runId) ?? Promise.resolve();
    const work = before
      .then(() => this.#repeat(runId, write))
      .finally(() => {
        if (this.#work.get(runId) === work) this.#work.delete(runId);
      });
    this.#work.set(runId, work);
  }

  /** A paid call has left: a process that stops waits for it until the returned function is called. */
  awaitAnswer(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#out.add(promise);
    return () => {
      this.#out.delete(promise);
      resolve();
    };
  }

  /** Whether a paid call may still leave: one that left later would have nobody who reads its answer. */
  get maySend(): boolean {
    return this.#isSending;
  }

  stopSending(): void {
    this.#isSending = false;
  }

  /** Resolves when every call that has left has its answer, and the answer is on its way to the row. */
  async answered(): Promise<void> {
    while (this.#out.size > 0) await Promise.all(this.#out);
  }

  /** Resolves when nothing waits to be written any more. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work.values());
  }

  close(): void {
    this.#closing.abort();
  }

  async #repeat(runId: string, write: () => Promise<unknown>): Promise<void> {
    const { log, timings, random } = this.#deps;
    for (let failures = 1; !this.#closing.signal.aborted; failures++) {
      try {
        await write();
        return;
      } catch (error) {
        log.warn({ runId, failures, err: error }, 'what is known of a submit is not written yet');
      }
      // A database that is back is used within seconds, however long it was away.
      await sleep(Math.min(backoffMs(failures, timings, random), 3_000), this.#closing.signal);
    }
  }
}

/** A job that was taken for a run, told by whoever knows of it; its row has it afterwards. */
export async function adopt(
  deps: FactDeps,
  job: { runId: string; submittedAt?: number; handle: JobHandle; isQueued?: boolean; note: string },
): Promise<Adoption> {
  const { runId, submittedAt, handle, isQueued = false, note } = job;
  const adoption = await adoptJob(deps.database, {
    ...{ runId, submittedAt, isQueued, note },
    handle: JSON.stringify(handle),
    upstreamId: idOf(handle),
    at: deps.now(),
  });
  if (adoption.outcome === 'another') {
    deps.log.error({ runId, handle: idOf(handle) }, 'a platform took two jobs for one run');
  }
  if (adoption.outcome === 'adopted') announce(deps, adoption.row);
  await deps.journal.forget(runId);
  return adoption;
}

/** The platform certainly has nothing of this submit: the run is sent later. */
export async function returnUntaken(
  deps: FactDeps,
  submit: SubmitRef,
  { hasLeft }: { hasLeft: boolean },
): Promise<void> {
  const at = deps.now();
  const note = hasLeft ? 'not taken: it is sent later' : 'it had not left: it is sent later';
  const row = await changeUnanswered(deps.database, submit.runId, (found) =>
    isOf(found, submit) ? { patch: untakenPatch(found, { hasLeft, at }), event: { at, note } } : undefined,
  );
  if (row !== undefined) announce(deps, row);
  await deps.journal.forget(submit.runId, submit.token);
}

/** The reply is lost for good: nobody is waited for who could have it. */
export async function noteReplyLost(deps: FactDeps, submit: SubmitRef): Promise<void> {
  const at = deps.now();
  await changeUnanswered(deps.database, submit.runId, (row) => {
    if (!isOf(row, submit)) return undefined;
    const patch = { ...optionsPatch(row, { replyLost: true }), next_poll_at: at };
    return { patch, event: { at, note: 'the reply of the submit was lost' } };
  });
  await deps.journal.forget(submit.runId, submit.token);
}

function isOf(row: RunRow, { token }: SubmitRef): boolean {
  return optionsOf(row).submit === token;
}

/** A submit that never left is as if it had not been tried; an id that a platform has seen is not used again. */
export function untakenPatch(
  row: RunRow,
  { hasLeft, at }: { hasLeft: boolean; at: number },
): RunWrite['patch'] {
  const { connection: _, ...options } = optionsOf(row);
  const isAnnounced = row.phase === 'submitting';
  const submits = (options.submits ?? 0) - (isAnnounced && !hasLeft ? 1 : 0);
  return {
    ...{ phase: 'queued', submitted_at: null, next_poll_at: at },
    options: JSON.stringify({ ...options, submits } satisfies RunOptions),
  };
}

export function optionsPatch(
  row: Pick<RunRow, 'options'>,
  changes: Partial<RunOptions>,
): { options: string } {
  return { options: JSON.stringify({ ...optionsOf(row), ...changes } satisfies RunOptions) };
}

function announce({ bus }: Pick<InferenceDeps, 'bus'>, row: RunRow): void {
  publishProgress({ bus }, row);
  bus.publish(runQueued, { run_id: row.run_id, provider: row.provider, is_told: true });
}

/** One submit as its process knows it. It holds no input, no key and no file. */
const Entry = z.object({
  run_id: z.string().regex(/^run_[\w-]{1,100}$/),
  submitted_at: z.number(),
  /** Names the submit: a later one of the run has another. */
  token: z.string(),
  /** The platform took it, and this is its job; absent while nobody has said so. */
  handle: z.record(z.string(), z.unknown()).optional(),
  is_queued: z.boolean().optional(),
});
type JournalEntry = z.infer<typeof Entry>;

/** Long enough for a database to come back, short enough to be no second database. */
const keepNoteMs = 24 * 3_600_000;
/** A store that is away for longer than that (about a quarter of an hour) is told of no answer that this process still has. */
const mostNoteTries = 32;
const maxEntries = 10_000;
const maxEntryBytes = 65_536;

/** Its files. What changes them resolves when it is done. */
export interface JournalFiles {
  /** The names in the folder, which is made where there is none. */
  list(folder: string): Promise<string[]>;
  /** Undefined where there is no such file; rejects where nobody can tell. */
  read(file: string): Promise<string | undefined>;
  write(file: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Also of a file that is not there. */
  remove(file: string): Promise<void>;
}

export const diskFiles: JournalFiles = {
  async list(folder) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return readdir(folder);
  },
  read: (file) =>
    readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    }),
  write: (file, text) => writeFile(file, text, { mode: 0o600 }),
  rename,
  remove: (file) => rm(file, { force: true }),
};

interface SubmitJournalOptions {
  /** A folder that outlives the process; without one its submits outlive it in `notes` alone. */
  folder: string | undefined;
  /** What replicas share, for a successor on another machine. */
  notes: Pick<Parts['limits'], 'note' | 'readNote' | 'dropNote'>;
  log: Parts['log'];
  /** How long it waits before it tells the shared store again. */
  timings: Timings;
  random(): number;
  /** Default: the disk's. */
  files?: JournalFiles | undefined;
}

/**
 * What is known of submits between the platform's answer and the run's row: in memory, in a file and in the store that
 * replicas share, so that neither an unreachable database nor the end of the process loses a job that was paid for. Each
 * entry goes when the row has it. Nothing here rejects: a full disk leaves memory.
 */
export class SubmitJournal {
  readonly #options: SubmitJournalOptions;
  readonly #files: JournalFiles;
  readonly #known = new Map<string, JournalEntry>();
  /** What is being done to the file of a run: one after the other, as it was asked for. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: SubmitJournalOptions) {
    this.#options = options;
    this.#files = options.files ?? diskFiles;
  }

  /** Before the call leaves. */
  async begin(entry: JournalEntry): Promise<void> {
    await this.#inTurn(entry.run_id, () => this.#write(entry));
  }

  /** The platform took it; resolves when a file says so, and does not wait for the shared store. */
  async took(entry: JournalEntry & { handle: JobHandle }): Promise<void> {
    this.#known.set(entry.run_id, entry);
    this.#note(entry);
    await this.#inTurn(entry.run_id, () => this.#write(entry));
  }

  /** The row has it, or the submit is over without a job; of a later submit of the run nothing is forgotten. */
  async forget(runId: string, token?: string): Promise<void> {
    await this.#inTurn(runId, async () => {
      const { folder } = this.#options;
      const file = folder === undefined ? undefined : this.#fileOf(folder, runId);
      if (token !== undefined && (await this.#isOfAnother(token, { runId, file }))) return;
      if (this.#known.delete(runId)) this.#options.notes.dropNote(keyOf(runId)).catch(() => undefined);
      if (file !== undefined) await this.#files.remove(file).catch(() => undefined);
    });
  }

  /** What this process or one before it knows of a run's submit. */
  async find(runId: string): Promise<JournalEntry | undefined> {
    return (await this.look(runId)).entry;
  }

  /** The same, and whether disk and store could be read: else an answer may be in them that nobody sees just now. */
  async look(runId: string): Promise<{ entry: JournalEntry | undefined; isWhole: boolean }> {
    const { folder, notes } = this.#options;
    const known = this.#known.get(runId);
    if (known !== undefined) return { entry: known, isWhole: true };
    let isWhole = true;
    const unread = () => {
      isWhole = false;
      return undefined;
    };
    const written =
      folder === undefined ? undefined : await this.#readEntry(this.#fileOf(folder, runId)).catch(unread);
    if (written?.handle !== undefined) return { entry: written, isWhole };
    const noted = parseEntry(await notes.readNote(keyOf(runId)).catch(unread));
    return { entry: noted ?? written, isWhole };
  }

  /** What the folder still has of earlier processes. */
  async leftBehind(): Promise<JournalEntry[]> {
    const { folder, log } = this.#options;
    if (folder === undefined) return [];
    try {
      const names = (await this.#files.list(folder)).filter((name) => name.endsWith('.json'));
      const entries = await Promise.all(
        // What cannot be read now is asked for again when its run is.
        names.slice(0, maxEntries).map((name) => this.#readEntry(join(folder, name)).catch(() => undefined)),
      );
      return entries.filter((entry) => entry !== undefined);
    } catch (error) {
      log.warn({ err: error, folder }, 'the journal of submits cannot be read');
      return [];
    }
  }

  /** What the shared store does not have by now it is not told of any more: the file has it. */
  close(): void {
    this.#closing.abort();
  }

  /** Whether what is known of a run is of another submit: a later one may be answered while the file is read. */
  async #isOfAnother(
    token: string,
    { runId, file }: { runId: string; file: string | undefined },
  ): Promise<boolean> {
    const written = file === undefined ? undefined : await this.#readEntry(file).catch(() => undefined);
    const known = this.#known.get(runId) ?? written;
    return known !== undefined && known.token !== token;
  }

  async #inTurn(runId: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#busy.get(runId) ?? Promise.resolve()).then(work);
    this.#busy.set(runId, turn);
    try {
      await turn;
    } finally {
      if (this.#busy.get(runId) === turn) this.#busy.delete(runId);
    }
  }

  #note(entry: JournalEntry): void {
    this.#tellStore(entry).catch((error: unknown) => {
      this.#options.log.error({ err: error, runId: entry.run_id }, 'a job cannot be noted');
    });
  }

  /** Until the store has it, the row has it, or a later answer of the run takes its place. */
  async #tellStore(entry: JournalEntry): Promise<void> {
    const { notes, log, timings, random } = this.#options;
    const { run_id: runId } = entry;
    const text = JSON.stringify(entry);
    const isWanted = () => this.#known.get(runId) === entry && !this.#closing.signal.aborted;
    for (let tries = 1; isWanted(); tries += 1) {
      try {
        await notes.note(keyOf(runId), text, keepNoteMs);
        return;
      } catch (error) {
        log.warn({ err: error, runId, tries }, 'a job is not noted where other replicas could read it');
      }
      if (tries === mostNoteTries) return;
      await sleep(backoffMs(tries, timings, random), this.#closing.signal);
    }
  }

  async #write(entry: JournalEntry): Promise<void> {
    const { folder, log } = this.#options;
    if (folder === undefined) return;
    const file = this.#fileOf(folder, entry.run_id);
    try {
      // Renamed when it is whole: a process that dies here leaves the entry of before.
      await this.#files.write(`${file}.new`, JSON.stringify(entry));
      await this.#files.rename(`${file}.new`, file);
    } catch (error) {
      log.warn({ err: error, runId: entry.run_id }, 'a submit is not in the journal: memory alone has it');
    }
  }

  async #readEntry(file: string): Promise<JournalEntry | undefined> {
    return parseEntry(await this.#files.read(file));
  }

  #fileOf(folder: string, runId: string): string {
    return join(folder, `${runId}.json`);
  }
}

function keyOf(runId: string): string {
  return `submit/${runId}`;
}

function parseEntry(text: string | undefined): JournalEntry | undefined {
  if (text === undefined || text.length > maxEntryBytes) return undefined;
  try {
    return Entry.safeParse(JSON.parse(text)).data;
  } catch {
    // Cut off while it was written: it says nothing then.
    return undefined;
  }
}
