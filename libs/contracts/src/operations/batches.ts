/** Many runs of one model as one piece of work: started, budgeted, followed and cancelled together. */
import { z } from 'zod';
import { ErrorEnvelope } from '../errors.ts';
import { defineOperation, type TaskMapping } from '../operation.ts';
import type { JsonObject } from '../portable-schema.ts';
import { cursor, dateTime, jsonObject, limit, Page, ValidationProblem } from '../shapes/basics.ts';
import { RunStatus } from '../shapes/run.ts';

export const maxBatchRuns = 1_000;

export const batchStatuses = ['running', 'succeeded', 'partial', 'failed', 'cancelled'] as const;

/** A batch as clients see it. */
export const Batch = z.object({
  batch_id: z.string().describe('Handle'),
  status: z.enum(batchStatuses).describe('partial: some of its runs did not succeed'),
  model: z.string().optional().describe('Model'),
  client_ref: z.string().optional().describe('Idempotency key'),
  total: z.int().optional().describe('Runs'),
  counts: jsonObject.optional().describe('Runs by status; waiting: not started yet'),
  cost: jsonObject.optional().describe('currency, estimated, reserved, charged, assumed, unknown'),
  max_cost: z.number().optional().describe('Starts no more beyond'),
  stopped: z.string().optional().describe('Why the rest was not started'),
  created_at: dateTime.optional(),
  finished_at: dateTime.optional(),
  sheet: z.string().optional().describe('Link to a contact sheet of its pictures'),
  table: z.string().optional().describe('Link to a CSV with a line for each run'),
  next_action: z.string().optional().describe('What to call next'),
});
export type Batch = z.infer<typeof Batch>;

/** A run of a batch. */
export interface BatchItem {
  /** Its place in the batch, from 0. */
  index: number;
  run_id: string;
  status: RunStatus;
  /** What differs between the runs. */
  input?: JsonObject;
  /** Of its first output. */
  url?: string;
  text?: string;
  error?: string;
}

const reply = z.object({
  batch: Batch.optional(),
  items: z
    .array(jsonObject.describe('index, run_id, status, input, url, text, error'))
    .optional()
    .describe('Runs, those that failed first'),
  batches: z.array(jsonObject.describe('Batch')).optional().describe('Without batch_id: yours, newest first'),
  page: Page.optional(),
  validation: z.array(ValidationProblem).optional().describe('Input problems'),
  quote: jsonObject.optional().describe('dry_run: what all of it would cost'),
  replayed: z.boolean().optional().describe('Existing batch of this client_ref'),
  error: ErrorEnvelope.optional(),
});

const shared = { toolset: 'batches' } as const;
const batchId = z.string().min(1).max(100).describe('From run_batch');
const waitSeconds = z.int().min(0).max(600).optional().describe('Wait for the end');

export const getBatch = defineOperation({
  ...shared,
  name: 'get_batch',
  scope: 'runs:read',
  isLong: true,
  waits: 'when_asked',
  continuation: {},
  input: z.object({
    batch_id: batchId.optional(),
    client_ref: z.string().min(1).max(128).optional().describe('Or its idempotency key; neither: list yours'),
    wait_seconds: waitSeconds,
    status: RunStatus.optional().describe('Only such runs'),
    limit,
    cursor,
  }),
  reply: reply.omit({ validation: true, quote: true, replayed: true }),
});

export const cancelBatch = defineOperation({
  ...shared,
  name: 'cancel_batch',
  scope: 'runs:write',
  isLong: true,
  input: z.object({ batch_id: batchId }),
  reply: reply.pick({ batch: true, error: true }),
});

/** A batch as a task: its record and its end are the batch's. */
const batchTask: TaskMapping = {
  idPrefix: 'batch_',
  isRequired: false,
  read({ batch }) {
    const read = Batch.safeParse(batch);
    if (!read.success) return undefined;
    const { batch_id: id, status, total = 0, counts = {}, created_at: at, finished_at: end } = read.data;
    const createdAt = at ?? new Date(0).toISOString();
    return {
      id,
      status: status === 'cancelled' ? 'cancelled' : status === 'running' ? 'working' : 'completed',
      message: `${status}, ${String(counts.succeeded ?? 0)} of ${total} succeeded`,
      createdAt,
      updatedAt: end ?? createdAt,
      ttlMs: null,
      pollMs: 2_000,
      ...(status === 'failed' ? { isError: true } : {}),
    };
  },
  get: (id) => ({ operation: getBatch, input: { batch_id: id } }),
  cancel: (id) => ({ operation: cancelBatch, input: { batch_id: id } }),
};

export const runBatch = defineOperation({
  ...shared,
  name: 'run_batch',
  scope: 'runs:write',
  isLong: true,
  waits: 'as_usual',
  isInteractive: true,
  task: batchTask,
  continuation: {
    operation: getBatch,
    input: ({ batch_id: id }, wait) =>
      id === undefined ? undefined : { batch_id: id, ...(wait === undefined ? {} : { wait_seconds: wait }) },
  },
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id'),
    inputs: z
      .array(jsonObject)
      .max(maxBatchRuns)
      .optional()
      .describe(`One input for each run, at most ${maxBatchRuns}`),
    sweep: jsonObject.optional().describe('Fields with lists of values: each combination is a run'),
    input: jsonObject.optional().describe('What every run has besides'),
    concurrency: z.int().min(1).max(100).optional().describe('Runs at once, default 8'),
    max_cost: z.number().min(0).optional().describe('Of the whole batch'),
    client_ref: z.string().min(1).max(128).optional().describe('Idempotency key; reuse it when retrying'),
    metadata: jsonObject.optional().describe('Tags of every run'),
    options: jsonObject.optional().describe('Run options, e.g. {"priority":"normal"}'),
    wait_seconds: waitSeconds,
    dry_run: z.boolean().optional().describe('Validate and quote alone'),
  }),
  reply: reply.omit({ batches: true }),
});
