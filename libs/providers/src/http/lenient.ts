import { z } from 'zod';

/** An optional field of a platform's reply: one of another type than its documents say is taken for absent, alone. */
export function maybe<T extends z.ZodType>(schema: T): z.ZodCatch<z.ZodOptional<z.ZodNullable<T>>> {
  return schema.nullish().catch(undefined);
}

/** An optional list of words; what is no word in it is left out. */
export const maybeWords = z.preprocess(
  (value) => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined),
  z.array(z.string()).optional(),
);

/** An amount as platforms write it: a number, or a decimal in a text (with or without a dollar sign). */
export const amount: z.ZodType<number> = z
  .union([z.number(), z.string().regex(/^\s*\$?-?\d+(\.\d+)?([eE][+-]?\d+)?\s*$/)])
  .transform((value) => (typeof value === 'number' ? value : Number(value.replace('$', ''))))
  .pipe(z.number());
