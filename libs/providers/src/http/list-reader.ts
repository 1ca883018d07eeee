import { isObject } from '@inferry/contracts';
import type { z } from 'zod';
import { cleanText } from '../errors/index.ts';

/** Where an adapter says what an operator should know; one line each. */
export interface ProviderLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** More lines about one platform help nobody. */
const maxTold = 1_000;
const namesOfEntries = ['endpoint_id', 'model_id', 'id', 'air', 'alias', 'endpoint', 'model', 'slug', 'name'];

/**
 * Reads what a platform lists, entry by entry: one that cannot be read is left out, is told of once in the log, and takes
 * nothing else away.
 */
export class ListReader {
  readonly #provider: string;
  readonly #log: ProviderLog | undefined;
  readonly #told = new Set<string>();

  constructor(provider: string, log: ProviderLog | undefined) {
    this.#provider = provider;
    this.#log = log;
  }

  /** The entries that fit the schema, in their order. */
  read<T>(entries: readonly unknown[], schema: z.ZodType<T>): T[] {
    return entries.flatMap((entry, index) => {
      const read = schema.safeParse(entry);
      if (read.success) return [read.data];
      this.skip(nameOf(entry) ?? `entry ${index + 1}`, reasonOf(read.error));
      return [];
    });
  }

  /** The same of a map: its names are those of its entries. */
  readMap<T>(entries: Readonly<Record<string, unknown>>, schema: z.ZodType<T>): Record<string, T> {
    const kept = Object.entries(entries).flatMap(([name, entry]): [string, T][] => {
      const read = schema.safeParse(entry);
      if (read.success) return [[name, read.data]];
      this.skip(name, reasonOf(read.error));
      return [];
    });
    return Object.fromEntries(kept);
  }

  /** Leaves something out of the catalog, and says so when it is met for the first time. */
  skip(name: string, reason: string): void {
    this.#tellOnce({ name, reason: cleanText(reason) }, 'left out of the catalog');
  }

  /** Lists something under an id that is not its name. */
  rename(name: string, id: string): void {
    this.#tellOnce({ name, id }, 'listed under another name');
  }

  #tellOnce({ name, ...facts }: { name: string; reason?: string; id?: string }, message: string): void {
    const fields = { provider: this.#provider, name: cleanText(name, { maxLength: 200 }), ...facts };
    const key = JSON.stringify(fields);
    if (this.#told.has(key) || this.#told.size >= maxTold) return;
    this.#told.add(key);
    this.#log?.warn(fields, message);
  }
}

function nameOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined;
  const found = namesOfEntries.map((name) => entry[name]).find((it) => typeof it === 'string' && it !== '');
  return found === undefined ? undefined : String(found);
}

function reasonOf({ issues }: z.ZodError): string {
  const [issue] = issues;
  if (issue === undefined) return 'cannot be read';
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`;
}
