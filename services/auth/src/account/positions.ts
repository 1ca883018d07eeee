import { createCursors } from '@inferry/runtime';
import { z } from 'zod';

/** Where an account goes on after a page. */
const Position = z.object({
  /** How many providers were shown; absent when all were. */
  providers: z.int().min(1).optional(),
  /** The usage list's own cursor; absent when it has ended. */
  usage: z.string().optional(),
});
export type Position = z.infer<typeof Position>;

export const positions = createCursors({ place: Position, of: 'account page' });
