/** The pages behind the account in every state that looks different, with what is there on a good day and on a bad one. */
import type { Asset, Batch, BrowsedRun, Budget, SpendRow } from '@inferry/contracts';
import type { Branding } from '@inferry/pages';
import { type BatchView, batchesPage, batchPage } from '../pages/console/batches-page.ts';
import { type CostsView, costsPage } from '../pages/console/costs-page.ts';
import { filesPage } from '../pages/console/files-page.ts';
import type { Viewer } from '../pages/console/frame.ts';
import { type OperatorView, operatorPage } from '../pages/console/operator-page.ts';
import { type RunView, runPage, runsPage } from '../pages/console/runs-page.ts';
import type { PageParts } from '../pages/layout.ts';

const now = Date.parse('2026-11-21T15:00:00Z');
const minute = 60_000;
const day = 1_440 * minute;

const viewer: Viewer = { csrf: 'csrf', isOperator: true, now };

export const hostileText = `<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202E${'W'.repeat(120)}`;

function at(minutesAgo: number): string {
  return new Date(now - minutesAgo * minute).toISOString();
}

export const shownRuns: readonly BrowsedRun[] = [
  {
    ...{ run_id: 'run_1', status: 'running', model: 'runware/klingai:6@0', progress: 0.42 },
    ...{ created_at: at(0.5), cost: { reserved: 0.35, currency: 'USD' }, client: 'Claude Code' },
    about:
      'A slow dolly through a rain-soaked night market, neon reflected in the puddles, hand-held, 24 fps',
  },
  {
    ...{ run_id: 'run_2', status: 'queued', model: 'local/upscale', queue_position: 3 },
    ...{ created_at: at(1), cost: { currency: 'USD' } },
  },
  {
    ...{ run_id: 'run_3', status: 'succeeded', model: 'fal/fal-ai/bytedance/seedream/v4/text-to-image' },
    ...{ created_at: at(5), finished_at: at(4.8), cost: { charged: 0.03, currency: 'USD' }, output_count: 4 },
    outputs: [{ index: 0, kind: 'image', mime_type: 'image/png', asset_id: 'asset_1', bytes: 1_482_113 }],
    about: 'A lighthouse keeper’s kitchen at dawn, watercolour, soft edges',
    client: 'Claude',
  },
  {
    ...{ run_id: 'run_4', status: 'succeeded', model: 'replicate/kokoro' },
    ...{ created_at: at(44), finished_at: at(43), cost: { unknown: true, assumed: 0.05, currency: 'USD' } },
    outputs: [{ index: 0, kind: 'audio', mime_type: 'audio/wav', asset_id: 'asset_2', bytes: 882_044 }],
    about: 'Good morning. The harbour is calm and the ferry leaves at nine.',
  },
  {
    ...{ run_id: 'run_5', status: 'failed', model: 'runpod/whisper-v3-large', error_code: 'upstream_failed' },
    ...{ created_at: at(95), finished_at: at(90), cost: { charged: 0, currency: 'USD' } },
  },
  {
    ...{ run_id: 'run_6', status: 'succeeded', model: 'local/smollm2' },
    ...{ created_at: at(3_000), finished_at: at(2_999), cost: { charged: 0.0004, currency: 'USD' } },
    outputs: [{ index: 0, kind: 'text', text: 'Tides follow the moon, a little later every day.' }],
  },
  {
    ...{ run_id: 'run_7', status: 'expired', model: hostileText, about: hostileText, client: hostileText },
    ...{ created_at: at(60_000), finished_at: at(59_000), cost: { currency: 'USD' } },
  },
];

export const shownBudgets: readonly Budget[] = [
  {
    ...{ scope: 'subject', currency: 'USD', limit: 20, spent: 3.4, reserved: 0.35 },
    resets_at: '2026-11-22T00:00:00Z',
  },
  {
    ...{ scope: 'everybody', currency: 'USD', limit: 50, spent: 41.2, reserved: 4 },
    resets_at: '2026-12-01T00:00:00Z',
  },
  {
    scope: 'subject',
    currency: 'EUR',
    limit: 5,
    spent: 5.02,
    reserved: 0,
    window: '7d',
    time_zone: 'Europe/Paris',
  },
];

const models = [
  ...['fal/fal-ai/bytedance/seedream/v4/text-to-image', 'runware/klingai:6@0', 'replicate/kokoro'],
  ...['runpod/whisper-v3-large', 'local/smollm2', 'openai/gpt-image-1', 'modelrunner/flux-dev'],
];

/** Thirty days with weekends, one on which a lot was spent and one of which little is known. */
const spend: readonly SpendRow[] = Array.from({ length: 30 }, (_, index) => index).flatMap((index) => {
  const date = new Date(now - (29 - index) * day);
  const isWeekend = [0, 6].includes(date.getUTCDay());
  return models.flatMap((model, at): SpendRow[] => {
    const charged = Math.round(((((index * 7 + at * 13) % 11) + 1) / (at + 2)) * (isWeekend ? 8 : 40)) / 100;
    if ((index + at) % (at + 2) > 2) return [];
    const isUnknown = at === 3 && index % 9 === 0;
    return [
      {
        ...{ day: date.toISOString().slice(0, 10), model, currency: 'USD', runs: 3 + ((index * at) % 9) },
        ...(isUnknown
          ? { charged: 0, unknown_cost_runs: 3 }
          : { charged: index === 17 ? charged * 2.5 : charged }),
      },
    ];
  });
});

const costs: CostsView = {
  ...viewer,
  ...{ days: 30, since: Date.parse('2026-10-23T00:00:00Z'), until: Date.parse('2026-11-22T00:00:00Z') },
  ...{ rows: spend, isFolded: false },
};

const openRun: RunView = {
  ...viewer,
  run: {
    ...shownRuns[0],
    run_id: 'run_1',
    status: 'running',
    upstream: { provider: 'runware', request_id: 'b0c1-77' },
  },
  input: {
    positivePrompt: 'A slow dolly through a rain-soaked night market, neon reflected in the puddles',
    ...{ duration: 5, seed: 77_411_203, safety: { mode: 'fast', checks: ['nudity', 'violence'] } },
  },
  events: [
    { at: at(0.5), status: 'queued', note: 'accepted' },
    { at: at(0.49), status: 'queued', note: 'leased by replica-2' },
    { at: at(0.45), status: 'running', note: 'the platform took it' },
  ],
  ...{ logs: [], error: undefined },
  diagnosis: 'Runware took it and has it in its own queue.',
};

const endedRun: RunView = {
  ...viewer,
  run: {
    ...{ run_id: 'run_3', status: 'succeeded', model: 'fal/fal-ai/bytedance/seedream/v4/text-to-image' },
    ...{ created_at: at(5), finished_at: at(4.8), cost: { charged: 0.03, estimated: 0.04, currency: 'USD' } },
    outputs: [
      { index: 0, kind: 'image', mime_type: 'image/png', asset_id: 'asset_1', bytes: 1_482_113 },
      { index: 1, kind: 'video', mime_type: 'video/mp4', asset_id: 'asset_3', bytes: 18_482_113 },
      { index: 2, kind: 'audio', mime_type: 'audio/wav', asset_id: 'asset_2', bytes: 882_044 },
      {
        index: 3,
        kind: 'text',
        text: 'A lighthouse keeper’s kitchen.\n\nThe kettle is on.',
        truncated: true,
      },
      { index: 4, kind: '3d', url: 'https://cdn.fal.example/mesh.glb', expires_at: '2026-11-28T00:00:00Z' },
    ],
    notes: ['One of the pictures was flagged by the platform and is left out.'],
    upstream: { provider: 'fal', request_id: '8c1de2b4-01f7' },
    client_ref: 'kitchen-4',
  },
  input: { prompt: 'A lighthouse keeper’s kitchen at dawn', image_size: { width: 1_024, height: 1_024 } },
  events: [
    { at: at(5), status: 'queued', note: 'accepted' },
    { at: at(4.8), status: 'succeeded', note: '' },
  ],
  logs: ['0 %|          | 0/28', '100 %|██████████| 28/28'],
  ...{ diagnosis: undefined, error: undefined },
};

const hostileRun: RunView = {
  ...viewer,
  run: {
    ...{
      run_id: 'run_7',
      status: 'failed',
      model: hostileText,
      client_ref: hostileText,
      wrapper: hostileText,
    },
    ...{ cost: { unknown: true, currency: 'USD' }, notes: [hostileText] },
    outputs: [{ kind: hostileText, url: 'javascript:alert(1)', mime_type: hostileText, text: hostileText }],
    upstream: { provider: hostileText, request_id: hostileText },
  },
  input: { [hostileText]: hostileText },
  events: [{ at: at(1), status: hostileText, note: hostileText }],
  ...{ logs: [hostileText], diagnosis: hostileText },
  error: { code: 'upstream_failed', message: hostileText, retryable: false },
};

const operator: OperatorView = {
  ...viewer,
  platforms: [
    { provider: 'fal', open: { running: 12, queued: 3 }, late_runs: 0, late_seconds: 0 },
    { provider: 'local', open: { running: 2, queued: 41 }, late_runs: 38, late_seconds: 74.2 },
    { provider: 'replicate', open: {}, late_runs: 0, late_seconds: 0 },
    {
      ...{ provider: 'runware', open: { queued: 7 }, late_runs: 0, late_seconds: 0 },
      pause: { mode: 'pause', reason: 'their status page says degraded', at: at(18) },
    },
  ],
  providers: [
    ...[
      { slug: 'fal', title: 'fal', ready: true, models: 812, stale: false },
      { slug: 'local', title: 'Local models', ready: true, models: 6, stale: false },
      { slug: 'replicate', title: 'Replicate', ready: true, models: 240, stale: true },
      { slug: 'runware', title: 'Runware', ready: true, models: 311, stale: false },
    ].map((one) => ({ ...one, checked_at: at(one.stale ? 190 : 3), capabilities: [] })),
  ],
  limits: [
    { scope: 'provider', value: 'runware', at_once: 40 },
    { scope: 'subject', value: '*', at_once: 8, rate: { count: 300, window_ms: 3_600_000 }, open: 5_000 },
    { scope: 'subject', value: 'key:4f1b9c', at_once: 0, open: 100 },
  ],
  limitUses: [
    {
      ...{ scope: 'subject', value: 'acct_Qd81kGm2bTzYw0Vh5nL7pA', at_once: 8, open: 5_000 },
      ...{
        rate: { count: 300, window_ms: 3_600_000 },
        under_way: 5,
        sent: 300,
        waiting: 1_204,
        unended: 1_209,
      },
      ...{ full: 'rate', free_at: at(-2.5) },
    },
    {
      ...{ scope: 'subject', value: hostileText, at_once: 8, rate: { count: 300, window_ms: 3_600_000 } },
      ...{ under_way: 8, sent: 41, waiting: 3, unended: 11, full: 'at_once' },
    },
    { scope: 'subject', value: 'key:4f1b9c', open: 100, under_way: 61, sent: 0, waiting: 22, unended: 83 },
    { scope: 'provider', value: 'runware', at_once: 40, under_way: 12, sent: 0, waiting: 7, unended: 19 },
  ],
  areLimitsCut: false,
  spend: [
    {
      subject: 'acct_Qd81kGm2bTzYw0Vh5nL7pA',
      currency: 'USD',
      runs: 1_284,
      charged: 48.217,
      unknown_cost_runs: 3,
    },
    { subject: 'key:4f1b9c', currency: 'USD', runs: 311, charged: 12.9 },
    { subject: 'oidc_9aZ', currency: 'USD', runs: 9, charged: 0, unknown_cost_runs: 9 },
  ],
  isSpendCut: false,
  webhooks: [
    {
      ...{ delivery_id: 'whd_1', run_id: 'run_3', url: 'https://hooks.acme.example/…', state: 'delivered' },
      ...{ attempts: 1, last_status: 204, delivered_at: at(4) },
    },
    {
      ...{ delivery_id: 'whd_2', run_id: 'run_5', url: 'https://hooks.acme.example/…', state: 'given_up' },
      ...{ attempts: 8, last_problem: 'timed out', last_attempt_at: at(40) },
    },
    {
      ...{ delivery_id: 'whd_3', run_id: 'run_6', url: 'https://ci.example', state: 'waiting' },
      ...{ attempts: 2, last_status: 503, next_attempt_at: at(-3) },
    },
  ],
  ...{ areWebhooksCut: true, isFailedOnly: false },
};

const filter = { status: '', text: '', model: '' };
const shownBatches: readonly Batch[] = [
  {
    ...{ batch_id: 'batch_1', status: 'running', model: 'fal/fal-ai/flux/dev', total: 40, created_at: at(3) },
    counts: { succeeded: 17, failed: 2, running: 8, waiting: 13 },
    cost: { currency: 'USD', charged: 0.51, reserved: 0.24, estimated: 1.2 },
  },
  {
    ...{ batch_id: 'batch_2', status: 'partial', model: hostileText, total: 9, created_at: at(900) },
    ...{ counts: { succeeded: 6, failed: 3 }, cost: { currency: 'USD', charged: 0, unknown: true } },
  },
];

const shownBatch: BatchView = {
  ...viewer,
  batch: {
    ...shownBatches[0],
    batch_id: 'batch_1',
    status: 'running',
    stopped: 'max_cost',
    table: 'https://x.example/t',
  },
  items: Array.from({ length: 9 }, (_, index) => ({
    ...{ index, run_id: `run_${index}`, status: index < 6 ? ('succeeded' as const) : ('queued' as const) },
    input: { guidance: 2 + index, scheduler: index === 5 ? hostileText : 'euler' },
    ...(index < 5 && { url: 'https://files.example/x' }),
    ...(index === 5 && { error: '[upstream_failed] It failed.', status: 'failed' as const }),
  })),
  ...{ isFirst: true, page: { nextCursor: 'n' } },
};

const noFilter = { text: '', kind: '' };

const shownFiles: readonly Asset[] = [
  {
    asset_id: 'asset_1',
    kind: 'image',
    prompt: 'A lighthouse keeper’s kitchen at dawn',
    run_id: 'run_3',
    created_at: at(5),
  },
  {
    asset_id: 'asset_2',
    kind: 'audio',
    prompt: 'Good morning. The harbour is calm',
    created_at: at(44),
    tags: ['ferry'],
  },
  {
    asset_id: 'asset_3',
    kind: 'video',
    model: 'runware/klingai:6@0',
    created_at: at(90),
    expires_at: at(-9_000),
  },
  { asset_id: 'asset_4', kind: 'image', file_name: 'reference-kitchen-scan.png', created_at: at(3_000) },
  { asset_id: 'asset_5', kind: '3d', model: 'fal/mesh', created_at: at(4_000) },
  {
    asset_id: 'asset_6',
    kind: hostileText,
    prompt: hostileText,
    file_name: hostileText,
    tags: [hostileText],
  },
];

export const consoleParts: Readonly<Record<string, (branding: Branding) => PageParts>> = {
  runs: (branding) =>
    runsPage(branding, { ...viewer, filter, isFirst: true, page: { runs: shownRuns, nextCursor: 'next' } }),
  'runs-searched': (branding) =>
    runsPage(branding, {
      ...{ ...viewer, filter: { status: 'failed', text: 'kitchen', model: 'local/smollm2' }, isFirst: false },
      page: { runs: [], nextCursor: 'next', searched: 2_000 },
    }),
  'runs-empty': (branding) => runsPage(branding, { ...viewer, filter, isFirst: true, page: { runs: [] } }),
  'runs-away': (branding) => runsPage(branding, { ...viewer, filter, isFirst: true, page: undefined }),
  'run-open': (branding) => runPage(branding, openRun),
  'run-ended': (branding) => runPage(branding, endedRun),
  'run-hostile': (branding) => runPage(branding, hostileRun),
  costs: (branding) => costsPage(branding, costs),
  'costs-unknown': (branding) =>
    costsPage(branding, {
      ...costs,
      rows: [{ day: '2026-11-20', model: 'x/y', currency: 'USD', runs: 2, charged: 0, unknown_cost_runs: 2 }],
    }),
  'costs-empty': (branding) => costsPage(branding, { ...costs, rows: [] }),
  'costs-away': (branding) => costsPage(branding, { ...costs, rows: undefined }),
  batches: (branding) =>
    batchesPage(branding, { ...viewer, isFirst: true, page: { batches: shownBatches, nextCursor: 'n' } }),
  'batches-empty': (branding) => batchesPage(branding, { ...viewer, isFirst: true, page: { batches: [] } }),
  batch: (branding) => batchPage(branding, shownBatch),
  files: (branding) =>
    filesPage(branding, {
      ...viewer,
      filter: noFilter,
      isFirst: true,
      page: { files: shownFiles, nextCursor: 'n' },
    }),
  'files-empty': (branding) =>
    filesPage(branding, { ...viewer, filter: noFilter, isFirst: true, page: { files: [] } }),
  'files-away': (branding) =>
    filesPage(branding, {
      ...viewer,
      filter: { text: hostileText, kind: 'audio' },
      isFirst: false,
      page: undefined,
    }),
  operator: (branding) => operatorPage(branding, operator),
  'operator-empty': (branding) =>
    operatorPage(branding, {
      ...{ ...operator, platforms: [], providers: [], spend: [], webhooks: [] },
      ...{ limits: [], limitUses: [] },
    }),
  'operator-away': (branding) =>
    operatorPage(branding, {
      ...operator,
      ...{ platforms: undefined, providers: undefined, spend: undefined, webhooks: undefined },
      ...{ limits: undefined, limitUses: undefined },
    }),
};
