/**
 * Gives runs back together: most of what a poll costs a database is the statement, and thousands of polls a second end
 * within milliseconds of each other.
 */
import { type Database, type Release, releaseRuns } from '@inferry/database';

const collectMs = 5;
const maxTogether = 500;

interface Waiting {
  release: Release;
  settle(isDone: boolean): void;
  fail(error: unknown): void;
}

export class ReleaseQueue {
  readonly #database: Database;
  readonly #owner: string;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, owner: string) {
    this.#database = database;
    this.#owner = owner;
  }

  /** False when the run was held no longer, or not in this version. */
  release(release: Release): Promise<boolean> {
    return new Promise((settle, fail) => {
      this.#waiting.push({ release, settle, fail });
      if (this.#waiting.length >= maxTogether) void this.#write();
      else this.#timer ??= setTimeout(() => void this.#write(), collectMs);
    });
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const together = this.#waiting;
    this.#waiting = [];
    try {
      const releases = together.map(({ release }) => release);
      const done = await releaseRuns(this.#database, this.#owner, releases);
      for (const { release, settle } of together) settle(done.has(release.runId));
    } catch (error) {
      for (const { fail } of together) fail(error);
    }
  }
}
