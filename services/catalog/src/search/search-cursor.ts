import { type Cursors, createCursors } from '@inferry/runtime';
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

/** A list and not names: an agent pays for each character of a cursor. */
const cursors = createCursors({
  place: z.tuple([z.boolean(), z.number(), z.boolean(), z.number(), z.string().max(400)]),
  of: 'search',
});

/** Where a later page of a search begins; the query is all that the search was asked for. */
export const searchCursors: Cursors<SearchPosition> = {
  write: (query, { isStrict, after: { score, isFeatured, weight, id } }) =>
    cursors.write(query, [isStrict, score, isFeatured, weight, id]),
  read(query, cursor) {
    const [isStrict, score, isFeatured, weight, id] = cursors.read(query, cursor);
    return { isStrict, after: { score, isFeatured, weight, id } };
  },
};

/** Negative when `a` is listed before `b`. */
export function compareRank(a: RankKey, b: RankKey): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.isFeatured !== b.isFeatured) return a.isFeatured ? -1 : 1;
  if (a.weight !== b.weight) return b.weight - a.weight;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
