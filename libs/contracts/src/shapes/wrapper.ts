import { z } from 'zod';
import { dateTime, ValidationProblem } from './basics.ts';

/** A wrapper as whoever owns it sees it; its definition is read by `get_model`. */
export const Wrapper = z.object({
  wrapper_id: z.string().describe('Stable id'),
  model: z.string().describe('Pass to run_model: <owner>/<alias>'),
  version: z.string().describe('Pass to patch_wrapper as if_version'),
  visibility: z.string().describe('private, unlisted or public'),
  status: z.string().describe('draft or published'),
  title: z.string().optional().describe('Name'),
  default_base_model: z.string().optional().describe('Used unless input.base_model names another'),
  base_models: z.array(z.string()).optional().describe('Models that it runs on'),
  created_at: dateTime.optional(),
  updated_at: dateTime.optional(),
  warnings: z.array(z.string()).optional().describe('What may be a mistake'),
  broken: z.array(ValidationProblem).optional().describe('Why it cannot be run'),
  next_action: z.string().optional().describe('What to call next'),
});
export type Wrapper = z.infer<typeof Wrapper>;
