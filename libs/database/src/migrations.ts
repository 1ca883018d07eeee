import { accountTables, makerColumns } from './accounts/migration.ts';
import { assetLibrary } from './assets/migration.ts';
import { auditTrail } from './audit/migration.ts';
import { catalogDetailTables } from './catalog/migration.ts';
import { connectionLimits, connectionTables } from './connections/migration.ts';
import type { Dialect } from './database.ts';
import { oauthTables } from './oauth/migration.ts';
import { batchMigration, eventSubscriptions } from './runs/batch-migration.ts';
import { appendOnlyLedger, runLimits, spendingLimits } from './runs/money-migration.ts';
import { wrapperTables } from './wrappers/migration.ts';

export interface Migration {
  /** Ordered and never changed once released; so is what `up` returns. */
  id: string;
  /** The statements, in order. */
  up(dialect: Dialect): string[];
  /**
   * The oldest migration that a release must have to work on the schema after this one. One that only adds what old code
   * need not know names the first; without it no older release starts beside this one.
   */
  oldest?: string;
}

interface ColumnTypes {
  text: string;
  integer: string;
  real: string;
  sequence: string;
  /** What ends `create table`. */
  tableEnd: string;
}

const columnTypes: Record<Dialect, ColumnTypes> = {
  // Sorted by bytes as SQLite does: cursors over ids must mean the same on both, and it is the faster index.
  postgres: {
    text: 'text collate "C"',
    integer: 'bigint',
    real: 'double precision',
    sequence: 'bigint generated always as identity primary key',
    tableEnd: '',
  },
  sqlite: {
    text: 'text',
    integer: 'integer',
    real: 'real',
    sequence: 'integer primary key autoincrement',
    tableEnd: 'strict',
  },
};

const first = '0001_tables';

/** Every change of the schema, oldest first. Add at the end; never edit one that was released. */
export const migrations: readonly Migration[] = [
  { id: '0001_tables', up: (dialect) => [...tables(columnTypes[dialect]), ...indexes] },
  { id: '0002_oauth', oldest: first, up: (dialect) => oauthTables(columnTypes[dialect]) },
  { id: '0003_accounts', oldest: first, up: (dialect) => accountTables(columnTypes[dialect]) },
  { id: '0004_connections', oldest: first, up: (dialect) => connectionTables(columnTypes[dialect]) },
  { id: '0005_catalog_details', oldest: first, up: (dialect) => catalogDetailTables(dialect) },
  { id: '0006_connection_limits', oldest: first, up: (dialect) => connectionLimits(columnTypes[dialect]) },
  { id: '0007_charge_certainty', oldest: first, up: (dialect) => chargeCertainty(columnTypes[dialect]) },
  { id: '0008_makers', oldest: first, up: (dialect) => makerColumns(columnTypes[dialect]) },
  { id: '0009_fair_leases', oldest: first, up: () => [...leaseIndexes] },
  { id: '0010_wrappers', oldest: first, up: (dialect) => wrapperTables(dialect) },
  { id: '0011_append_only_ledger', oldest: first, up: (dialect) => appendOnlyLedger(dialect) },
  { id: '0012_spending_limits', oldest: first, up: (dialect) => spendingLimits(dialect) },
  { id: '0013_audit_trail', oldest: first, up: (dialect) => auditTrail(dialect) },
  { id: '0014_asset_library', oldest: first, up: (dialect) => assetLibrary(dialect) },
  { id: '0015_batches', oldest: first, up: (dialect) => batchMigration(dialect) },
  { id: '0016_run_limits', oldest: first, up: (dialect) => runLimits(dialect) },
  { id: '0017_event_subscriptions', oldest: first, up: (dialect) => eventSubscriptions(dialect) },
];

function tables(types: ColumnTypes): string[] {
  return [
    ...runTables(types),
    ...moneyTables(types),
    ...catalogTables(types),
    ...assetTables(types),
    ...keyTables(types),
  ];
}

function runTables({ text, integer, real, tableEnd }: ColumnTypes): string[] {
  return [
    `create table runs (
      run_id ${text} primary key, subject ${text} not null, grant_id ${text} not null,
      idempotency_key ${text} not null, client_ref ${text}, request_hash ${text} not null,
      model ${text} not null, provider ${text} not null, native_id ${text} not null,
      input ${text} not null, file_fields ${text} not null, options ${text} not null, metadata ${text} not null,
      webhook ${text}, status ${text} not null, phase ${text} not null,
      upstream_status ${text}, upstream_id ${text}, progress ${real}, queue_position ${integer}, handle ${text},
      version ${integer} not null, poll_attempts ${integer} not null, next_poll_at ${integer},
      lease_owner ${text}, lease_until ${integer}, cancel_requested_at ${integer},
      created_at ${integer} not null, submitted_at ${integer}, finished_at ${integer}, deadline_at ${integer} not null,
      currency ${text} not null, estimated_micros ${integer}, reserved_micros ${integer} not null,
      charged_micros ${integer}, outputs ${text} not null, error ${text}, raw ${text}, logs ${text} not null
    ) ${tableEnd}`,
    `create table run_events (
      run_id ${text} not null references runs (run_id) on delete cascade, seq ${integer} not null,
      at ${integer} not null, status ${text} not null, note ${text} not null, primary key (run_id, seq)
    ) ${tableEnd}`,
    `create table run_tags (
      run_id ${text} not null references runs (run_id) on delete cascade, subject ${text} not null,
      name ${text} not null, value ${text} not null, primary key (run_id, name)
    ) ${tableEnd}`,
    `create table webhook_deliveries (
      delivery_id ${text} primary key, run_id ${text} not null, url ${text} not null, body ${text} not null,
      attempts ${integer} not null, next_attempt_at ${integer}, lease_until ${integer}, delivered_at ${integer},
      last_status ${integer}
    ) ${tableEnd}`,
  ];
}

function moneyTables({ text, integer, tableEnd }: ColumnTypes): string[] {
  return [
    `create table budgets (
      subject ${text} not null, period ${text} not null, currency ${text} not null, limit_micros ${integer} not null,
      primary key (subject, period, currency)
    ) ${tableEnd}`,
    `create table ledger (
      entry_id ${text} primary key, run_id ${text} not null, subject ${text} not null, provider ${text} not null,
      model ${text} not null, kind ${text} not null, currency ${text} not null, amount_micros ${integer} not null,
      at ${integer} not null
    ) ${tableEnd}`,
  ];
}

/** Whether a charge is known; all that were booked before count as known. */
function chargeCertainty({ text }: ColumnTypes): string[] {
  return [`alter table ledger add column certainty ${text} not null default 'known'`];
}

function catalogTables({ text, integer, tableEnd }: ColumnTypes): string[] {
  return [
    `create table models (
      model ${text} primary key, provider ${text} not null, native_id ${text} not null, document ${text} not null,
      deleted_at ${integer}, updated_at ${integer} not null
    ) ${tableEnd}`,
    `create table catalog_snapshots (
      provider ${text} primary key, version ${integer} not null, etag ${text} not null,
      model_count ${integer} not null, synced_at ${integer} not null, checked_at ${integer} not null, error ${text}
    ) ${tableEnd}`,
  ];
}

function assetTables({ text, integer, tableEnd }: ColumnTypes): string[] {
  return [
    `create table assets (
      asset_id ${text} primary key, subject ${text} not null, ref ${text}, state ${text} not null,
      file_name ${text} not null, declared_type ${text}, declared_bytes ${integer}, declared_sha256 ${text},
      content_type ${text}, size_bytes ${integer}, sha256 ${text}, blob_key ${text}, part_count ${integer} not null,
      created_at ${integer} not null, stored_at ${integer}, upload_until ${integer} not null, expires_at ${integer}
    ) ${tableEnd}`,
  ];
}

function keyTables({ text, integer, sequence, tableEnd }: ColumnTypes): string[] {
  return [
    `create table api_keys (
      key_id ${text} primary key, subject ${text} not null, name ${text} not null, key_sha256 ${text} not null,
      scopes ${text} not null, created_at ${integer} not null, expires_at ${integer}, last_used_at ${integer},
      revoked_at ${integer}
    ) ${tableEnd}`,
    `create table revocations (seq ${sequence}, grant_id ${text} not null, at ${integer} not null) ${tableEnd}`,
  ];
}

const indexes: readonly string[] = [
  'create unique index runs_idempotency on runs (subject, idempotency_key)',
  'create index runs_due on runs (next_poll_at) where next_poll_at is not null',
  'create index runs_newest on runs (subject, created_at desc, run_id)',
  "create index runs_held on runs (subject, currency) where phase <> 'done'",
  'create index runs_upstream on runs (provider, upstream_id) where upstream_id is not null',
  'create index run_tags_value on run_tags (subject, name, value)',
  'create index webhook_deliveries_due on webhook_deliveries (next_attempt_at) where next_attempt_at is not null',
  'create index webhook_deliveries_run on webhook_deliveries (run_id)',
  'create index ledger_subject on ledger (subject, at)',
  'create index ledger_run on ledger (run_id)',
  'create index models_provider on models (provider, native_id)',
  'create unique index assets_ref on assets (subject, ref) where ref is not null',
  'create index assets_content on assets (subject, sha256)',
  'create index assets_blob on assets (blob_key) where blob_key is not null',
  'create index assets_expiring on assets (expires_at) where expires_at is not null',
  "create index assets_pending on assets (upload_until) where state = 'pending'",
  'create unique index api_keys_secret on api_keys (key_sha256)',
  'create index api_keys_subject on api_keys (subject, created_at)',
];

/** Beside `runs_due`, which older releases lease by. */
const leaseIndexes: readonly string[] = [
  "create index runs_to_send on runs (provider, subject, next_poll_at) where phase = 'queued'",
  "create index runs_to_follow on runs (provider, next_poll_at) where phase in ('submitting', 'running', 'storing')",
];
