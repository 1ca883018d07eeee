/** What the editors of the dialects have in common. */
import type { Entry } from '@inferry/clients';

/** Where an entry stands: the property of all servers, and its name among them. */
export interface EntryPath {
  servers: string;
  name: string;
}

/** What a dialect can do with a text that has no byte order mark and has `\n` alone. */
export interface TextEditor {
  /** The whole document. Throws `BrokenConfig`. */
  parse(text: string): Entry;
  put(text: string, path: EntryPath, entry: Entry): string;
  /** Of an entry that is there; `withServers` takes the property of all servers away too, when it is empty then. */
  remove(text: string, path: EntryPath, withServers: boolean): string;
}

/** A file that its own client could not read either, or could not after a change; it is left alone. */
export class BrokenConfig extends Error {
  override readonly name = 'BrokenConfig';
  /** Counted from 1; undefined where the fault is of the file as a whole. */
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}
