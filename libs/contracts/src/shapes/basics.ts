import { z } from 'zod';

export const jsonObject = z.record(z.string(), z.unknown());
export const dateTime = z.string().describe('RFC 3339');
export const currency = z.string().describe('ISO 4217');

export const limit = z.int().min(1).max(100).optional().describe('Max items, default 20');
export const cursor = z.string().max(2_000).optional().describe('next_cursor of the previous page');

export const Page = z.object({
  total: z.int().optional().describe('Known total'),
  next_cursor: z.string().optional().describe('Absent on the last page'),
});
export type Page = z.infer<typeof Page>;

export const ValidationProblem = z.object({
  path: z.string().describe('Field'),
  message: z.string().describe('Problem'),
  hint: z.string().optional().describe('Fix'),
});
export type ValidationProblem = z.infer<typeof ValidationProblem>;
