import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runflowEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the documents and the official SDK (0.1) say of each reply; written from them, not from the adapter. */
const decimal = z.string().regex(/^\d+(\.\d+)?$/);
const Run = z.strictObject({
  id: z.uuid(),
  status_code: z.enum([
    'queued',
    'dispatching',
    'running',
    'succeeded',
    'failed',
    'canceled',
    'partial_succeeded',
  ]),
  target_type: z.literal('model'),
  model_id: z.string(),
  input: z.record(z.string(), z.unknown()),
  output: z
    .object({
      outputs: z.array(z.object({ type: z.enum(['image', 'video', 'audio']), url: z.url() })),
    })
    .nullable(),
  duration_ms: z.int().nullable(),
  cost: decimal.nullable(),
  cost_breakdown: z.unknown().nullable(),
  nodes_total: z.int(),
  nodes_completed: z.int(),
  batch_id: z.string().nullable(),
  client_ref: z.string().max(255).nullable(),
  request_id: z.string().nullable(),
  created_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  completed_at: z.iso.datetime().nullable(),
  callback_url: z.url().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  has_logs: z.boolean(),
  has_node_runs: z.boolean(),
  failure_code: z.string().nullable(),
  failure_message: z.string().nullable(),
  failure_stage_code: z.string().nullable(),
  node_runs: z.array(z.unknown()),
  links: z.record(z.string(), z.string()),
});
const Runs = z.strictObject({
  items: z.array(Run).min(1),
  next_pq: z.string().nullable(),
  prev_pq: z.string().nullable(),
});
const Model = z.object({
  provider_slug: z.string(),
  model_slug: z.string(),
  model_name: z.string(),
  runs_endpoint: z.string().regex(/^\/v1\/models\/.+\/runs$/),
  category_code: z.string(),
  availability_status: z.string(),
  inputs: z
    .array(
      z.object({
        name: z.string(),
        variable_type_code: z.string(),
        validator_code: z.string().nullish(),
        validator_attrs: z.record(z.string(), z.unknown()).nullish(),
        is_required: z.boolean(),
        default_value: z.unknown(),
      }),
    )
    .min(1),
  outputs: z.array(z.object({ name: z.string() })),
});
const Fault = z.strictObject({
  code: z.string().regex(/^[A-Z_]+$/),
  message: z.string(),
  errors: z.array(z.object({ type: z.string().regex(/^[a-z_]+$/), message: z.string() })).optional(),
});

describe('the emulated Runflow answers as its documents say', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(runflowEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const path = '/models/flux/schnell/runs';
  const submit = async () => {
    const json = { input: { prompt: 'a boat' }, client_ref: 'ours', metadata: { a: 'b' } };
    return Run.parse((await platform.ask(path, { json })).body);
  };

  it.each(['succeeded', 'failed'] as const)(
    'to a run that has %s, from its submit to its end',
    async (end) => {
      platform.emulator.script({ states: ['queued', 'running', end] });
      const { id } = await submit();
      const seen = [];
      for (let looks = 0; looks < 4; looks++) seen.push(Run.parse((await platform.ask(`/runs/${id}`)).body));

      const last = seen.at(-1);
      expect(last).toMatchObject({ status_code: end, client_ref: 'ours', metadata: { a: 'b' } });
      expect([last?.failure_code !== null, last?.output !== null]).toEqual([
        end === 'failed',
        end === 'succeeded',
      ]);
      expect(last?.completed_at).not.toBeNull();
    },
  );

  it('to the same reference of a caller with the same run, and to a list of them', async () => {
    const first = await submit();
    const again = await submit();

    expect(again.id).toBe(first.id);
    expect(Runs.safeParse((await platform.ask('/runs?limit=5')).body).error).toBeUndefined();
  });

  it('to a list of models, a balance and what it refuses', async () => {
    const models = await platform.ask('/public/models');
    const refused = await platform.ask(path, { json: { input: {} } });

    const Page = z.object({ items: z.array(Model).min(1) });
    expect(Page.safeParse(models.body).error).toBeUndefined();
    const Balance = z.object({ balance: decimal });
    expect(Balance.safeParse((await platform.ask('/billing/balance')).body).error).toBeUndefined();
    expect([refused.status, Fault.safeParse(refused.body).error]).toEqual([422, undefined]);
    expect(Fault.safeParse((await platform.ask('/runs/none')).body).error).toBeUndefined();
  });

  it('to an upload in its three steps', async () => {
    const json = { filename: 'a.png', mime_type: 'image/png', size_bytes: 1 };
    const { status, body } = await platform.ask('/asset-uploads', { json });
    const asset = z.strictObject({ asset_id: z.string(), upload_url: z.url() }).parse(body);
    await fetch(asset.upload_url, { method: 'PUT', headers: { 'content-type': 'image/png' }, body: 'x' });
    const done = await platform.ask(`/asset-uploads/${asset.asset_id}/confirmations`, { json: {} });

    const Asset = z.object({ id: z.string(), url: z.url(), mime_type: z.literal('image/png') });
    expect([status, done.status, Asset.safeParse(done.body).error]).toEqual([201, 201, undefined]);
  });
});
