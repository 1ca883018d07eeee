/** A person's runs of months, as rows: what pages and benches look through. */
import type { Database } from '@inferry/database';

const minuteMs = 60_000;
const atOnce = 250;
const models = [
  'fal/seedream-4',
  'runware/klingai-6',
  'replicate/kokoro',
  'local/smollm2',
  'openai/gpt-image-1',
];

/** So many runs of a subject, one every five minutes until `now`; every tenth failed, every seventh has an unknown cost. */
export async function seedRuns(
  { queries }: Database,
  { subject, count, now }: { subject: string; count: number; now: number },
): Promise<void> {
  const runs = Array.from({ length: count }, (_, index) =>
    toRun(index, { subject, at: now - index * 5 * minuteMs }),
  );
  for (let from = 0; from < count; from += atOnce) {
    const part = runs.slice(from, from + atOnce);
    await queries.insertInto('runs').values(part).execute();
    await queries.insertInto('ledger').values(part.map(toCharge)).execute();
  }
}

type Run = ReturnType<typeof toRun>;

function toRun(index: number, { subject, at }: { subject: string; at: number }) {
  const model = models[index % models.length] ?? '';
  const [provider = '', nativeId = ''] = model.split('/');
  const isFailed = index % 10 === 9;
  const isUnknown = index % 7 === 6;
  const output = {
    index: 0,
    kind: 'image',
    mime_type: 'image/png',
    asset_id: `asset_${index}`,
    bytes: 1_000,
  };
  return {
    ...{ run_id: `run_${String(index).padStart(6, '0')}`, subject, grant_id: 'grant', client_ref: null },
    ...{ idempotency_key: `call:${index}`, request_hash: 'hash', model, provider, native_id: nativeId },
    input: JSON.stringify({ prompt: `Picture ${index} of a harbour, in the morning`, size: '1024x1024' }),
    ...{ file_fields: '{}', options: '{"caller":{},"isExactQuote":false}', metadata: '{}', webhook: null },
    ...{ status: isFailed ? 'failed' : 'succeeded', phase: 'done', upstream_status: null, upstream_id: null },
    ...{
      progress: null,
      queue_position: null,
      handle: null,
      version: 4,
      poll_attempts: 0,
      next_poll_at: null,
    },
    ...{ lease_owner: null, lease_until: null, cancel_requested_at: null, created_at: at },
    ...{ submitted_at: at + 1_000, finished_at: at + 9_000, deadline_at: at + 3_600_000, currency: 'USD' },
    ...{ estimated_micros: 40_000, reserved_micros: 40_000, charged_micros: isUnknown ? null : 30_000 },
    outputs: JSON.stringify({ stored: isFailed ? [] : [output] }),
    error: isFailed ? '{"code":"upstream_failed","message":"It failed.","retryable":false}' : null,
    ...{ raw: null, logs: '[]' },
  };
}

function toCharge({
  run_id: runId,
  subject,
  provider,
  model,
  finished_at: at,
  charged_micros: charged,
}: Run) {
  const certainty = charged === null ? 'unknown' : 'known';
  return {
    ...{ entry_id: `${runId}:charge`, run_id: runId, subject, provider, model, kind: 'charge' },
    ...{ currency: 'USD', amount_micros: charged ?? 40_000, at, certainty },
  };
}
