import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobHandle } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import { z } from 'zod';
import { backoffMs, sleep, type Timings } from '../timings.ts';

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
