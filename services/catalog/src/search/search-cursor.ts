import { createCursors } from '@inferry/runtime';
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

/** Where a later page of a search begins; the query is all that the search was asked for. */
export const searchCursors = createCursors<SearchPosition>({
  place: z.object({
    isStrict: z.boolean(),
    after: z.object({
      score: z.number(),
      isFeatured: z.boolean(),
      weight: z.number(),
      id: z.string().max(400),
    }),
  }),
  of: 'search',
});

/** Negative when `a` is listed before `b`. */
export function compareRank(a: RankKey, b: RankKey): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.isFeatured !== b.isFeatured) return a.isFeatured ? -1 : 1;
  if (a.weight !== b.weight) return b.weight - a.weight;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
