import { createHash } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import { z } from 'zod';

const Position = z.object({
  /** How many providers were shown; absent when all were. */
  providers: z.int().min(1).optional(),
  /** The usage list's own cursor; absent when it has ended. */
  usage: z.string().optional(),
});
export type Position = z.infer<typeof Position>;

const Cursor = z.object({ v: z.literal(1), q: z.string(), at: Position });

/** Where the next page of an account begins, good for the query it came from alone. */
export function toCursor(query: unknown, at: Position): string {
  return Buffer.from(JSON.stringify({ v: 1, q: digest(query), at })).toString('base64url');
}

/** Throws `invalid_cursor` for anything that `toCursor` did not make for this query. */
export function fromCursor(query: unknown, cursor: string): Position {
  const parsed = Cursor.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (parsed.success && parsed.data.q === digest(query)) return parsed.data.at;
  throw new AppError('invalid_cursor', 'This cursor is not of this account page.', {
    nextAction: 'Start again without a cursor, and keep the other arguments the same from page to page.',
  });
}

function digest(query: unknown): string {
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 16);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Refused by the schema.
    return undefined;
  }
}
