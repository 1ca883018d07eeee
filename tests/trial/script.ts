// What the platform of a trial does with one job, told to it by the prompt of the run itself.
import { z } from 'zod';
import type { Random } from './random.ts';

export const dialects = ['runflow', 'runware', 'replicate', 'acme'] as const;
export type Dialect = (typeof dialects)[number];

/** How a submit is answered. */
export const answers = [
  'well',
  'slowly',
  'reset_after',
  'reset_before',
  'half',
  'error_after',
  'error_before',
  'unavailable',
  'too_many',
  'garbage',
  'refused',
  'silent_taken',
] as const;

export const JobScript = z.object({
  tag: z.string(),
  answer: z.enum(answers),
  /** From reading the submit to taking the job. */
  acceptMs: z.number(),
  /** From taking the job to its being listed or found. */
  listLagMs: z.number(),
  runMs: z.number(),
  outcome: z.enum(['succeeded', 'failed']),
  /** What it charges, in dollars. */
  cost: z.number(),
});
export type JobScript = z.infer<typeof JobScript>;

/** Seldom anything but a good answer, since a schedule of nothing but faults shows nothing of the others. */
const weights = {
  well: 78,
  slowly: 6,
  reset_after: 3,
  reset_before: 2,
  half: 1,
  error_after: 1,
  error_before: 2,
  unavailable: 2,
  too_many: 2,
  garbage: 1,
  refused: 1,
  silent_taken: 1,
} as const;

export function drawScript(random: Random, tag: string): JobScript {
  const answer = random.weighted<(typeof answers)[number]>(weights);
  return {
    tag,
    answer,
    acceptMs: random.chance(0.18) ? random.between(2_000, 12_000) : random.between(5, 1_500),
    listLagMs: random.chance(0.2) ? random.between(1_000, 8_000) : 0,
    runMs: random.between(200, 9_000),
    outcome: random.chance(0.9) ? 'succeeded' : 'failed',
    cost: random.between(1, 50) / 1_000,
  };
}
