import { statSync } from 'node:fs';
import { ConfigError, type Parts } from '@inferry/runtime';
import { readCatalogFile } from './catalog-file.ts';
import { type Curation, createCuration, noCuration } from './curation.ts';

export interface WatchedCatalogFile {
  readonly curation: Curation;
  /** Reads the file again, changed or not. */
  reload(): void;
  close(): void;
}

export interface WatchOptions {
  path: string | undefined;
  log: Parts['log'];
  onChange(curation: Curation): void;
  /** How often it is looked at (default 5 s): watchers of files miss what orchestrators do to mounted ones. */
  everyMs?: number | undefined;
}

/**
 * The operator's file, read at the start (throws `ConfigError` with every problem) and whenever it changes. A change
 * that is not valid changes nothing: it is logged with every problem, and what was read before stays.
 */
export function watchCatalogFile({ path, log, onChange, everyMs = 5_000 }: WatchOptions): WatchedCatalogFile {
  if (path === undefined) return { curation: noCuration, reload() {}, close() {} };
  let seen = stampOf(path);
  let curation = createCuration(readCatalogFile(path));
  function reload(): void {
    try {
      const read = createCuration(readCatalogFile(path ?? ''));
      if (read.version === curation.version) return;
      curation = read;
      log.info({ version: read.version }, 'the catalog file was read again');
      onChange(read);
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [String(error)];
      log.error({ problems }, 'the catalog file is not valid; what was read before stays');
    }
  }
  const timer = setInterval(() => {
    const stamp = stampOf(path);
    if (stamp === seen) return;
    seen = stamp;
    reload();
  }, everyMs);
  timer.unref();
  return {
    get curation() {
      return curation;
    },
    reload,
    close: () => clearInterval(timer),
  };
}

/** Changes with the file, also when another one was put in its place. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'gone' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}
