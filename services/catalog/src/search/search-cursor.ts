import { createHash } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import { z } from 'zod';

/** Where a model stands in a result: sorted by score, featured and weight, each downwards, then by id. */
export interface RankKey {
  score: number;
  isFeatured: boolean;
  weight: number;
  id: string;
}

export interface SearchPosition {
  /** Whether the first page asked for half of the words or any one: a later page asks the same. */
  isStrict: boolean;
  after: RankKey;
}

const CursorDocument = z.tuple([
  z.literal(1),
  z.string(),
  z.boolean(),
  z.number(),
  z.boolean(),
  z.number(),
  z.string().max(400),
]);

/** A short name for a query and its filters: a cursor is good for the search that it came from and no other. */
export function toQueryHash(search: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(search).filter(([, value]) => value !== undefined);
  const text = JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

export function toCursor(queryHash: string, { isStrict, after }: SearchPosition): string {
  const document = [1, queryHash, isStrict, after.score, after.isFeatured, after.weight, after.id];
  return Buffer.from(JSON.stringify(document)).toString('base64url');
}

/** Throws `invalid_cursor` for anything that is not a cursor of this very search. */
export function parseCursor(cursor: string, queryHash: string): SearchPosition {
  const parsed = CursorDocument.safeParse(decode(cursor));
  if (!parsed.success || parsed.data[1] !== queryHash) {
    throw new AppError('invalid_cursor', 'This cursor does not belong to this search.', {
      nextAction: 'Repeat the search without a cursor, then follow next_cursor with the same arguments.',
    });
  }
  const [, , isStrict, score, isFeatured, weight, id] = parsed.data;
  return { isStrict, after: { score, isFeatured, weight, id } };
}

/** Negative when `a` is listed before `b`. */
export function compareRank(a: RankKey, b: RankKey): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.isFeatured !== b.isFeatured) return a.isFeatured ? -1 : 1;
  if (a.weight !== b.weight) return b.weight - a.weight;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    // Not ours: the schema refuses undefined.
    return undefined;
  }
}
