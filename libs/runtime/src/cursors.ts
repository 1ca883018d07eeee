import { createHash } from 'node:crypto';
import { AppError, unstorable } from '@inferry/contracts';
import { z } from 'zod';

/** Opaque places in a list, each good for the query it came from alone. */
export interface Cursors<T> {
  /** `query` is whatever decides what is listed and in which order; any JSON value. */
  write(query: unknown, at: T): string;
  /** Throws `invalid_cursor` for anything that `write` did not make for this query. */
  read(query: unknown, cursor: string): T;
}

export interface CursorsOptions<T> {
  /** A place, as JSON carries it. */
  place: z.ZodType<T>;
  /** What a page belongs to, for the refusal: "list". */
  of: string;
}

const maxLength = 4_096;

export function createCursors<T>({ place, of }: CursorsOptions<T>): Cursors<T> {
  // Another form of it gets another `v`.
  const Cursor = z.object({ v: z.literal(1), q: z.string(), at: place });
  return {
    write: (query, at) => toText({ v: 1, q: digest(query), at }),
    read(query, cursor) {
      const parsed = Cursor.safeParse(cursor.length > maxLength ? undefined : fromText(cursor));
      if (parsed.success && parsed.data.q === digest(query)) return parsed.data.at;
      throw new AppError('invalid_cursor', `This cursor is not of this ${of}.`, {
        nextAction: 'Start again without a cursor, and keep the other arguments the same from page to page.',
      });
    },
  };
}

function digest(query: unknown): string {
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 16);
}

function toText(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function fromText(cursor: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return unstorable(value) === undefined ? value : undefined;
  } catch {
    // Refused by the schema.
    return undefined;
  }
}
