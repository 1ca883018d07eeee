import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation } from '../operation.ts';
import { jsonObject } from '../shapes/basics.ts';
import { Run } from '../shapes/run.ts';

/** What was asked and answered, by the id that the platform knows it by; by a run's own id too. */
export const getTask = defineOperation({
  name: 'get_task',
  toolset: 'run',
  scope: 'runs:read',
  isLong: true,
  input: z.object({
    provider: z.string().min(1).max(100).describe('Provider slug'),
    task_id: z.string().min(1).max(200).describe("The platform's id of a task, or a run id"),
  }),
  reply: z.object({
    run: Run.optional(),
    input: jsonObject.optional().describe('Submitted input'),
    options: jsonObject.optional().describe('Options of the run'),
    native: jsonObject.optional().describe("The platform's last answer"),
    record: jsonObject.optional().describe('Of a task that is no run here: as the platform archived it'),
    error: ErrorEnvelope.optional(),
  }),
});
