import type { Generated, Selectable } from 'kysely';
import type { AccountTables } from './accounts/tables.ts';
import type { AssetDetailTables } from './assets/tables.ts';
import type { AuditTables } from './audit/audit.ts';
import type { CatalogDetailTables } from './catalog/tables.ts';
import type { ConnectionTables } from './connections/tables.ts';
import type { OAuthTables } from './oauth/tables.ts';
import type { WrapperTables } from './wrappers/tables.ts';

/**
 * The tables. Types that both databases hold alike: text, 64-bit integers (times are epoch milliseconds, money is
 * millionths of a currency unit, flags are 0 and 1) and JSON as text.
 */
export interface Schema
  extends ConnectionTables,
    OAuthTables,
    AccountTables,
    CatalogDetailTables,
    WrapperTables,
    AssetDetailTables,
    AuditTables {
  runs: RunTable;
  batches: BatchTable;
  run_events: RunEventTable;
  run_tags: RunTagTable;
  budgets: BudgetTable;
  ledger: LedgerTable;
  spending_limits: SpendingLimitTable;
  confirm_thresholds: ConfirmThresholdTable;
  confirmations: ConfirmationTable;
  run_limits: RunLimitTable;
  run_limit_states: RunLimitStateTable;
  webhook_deliveries: WebhookDeliveryTable;
  event_subscriptions: EventSubscriptionTable;
  models: ModelTable;
  catalog_snapshots: CatalogSnapshotTable;
  assets: AssetTable;
  api_keys: ApiKeyTable;
  revocations: RevocationTable;
}

/** One inference; the row is its own queue entry. */
export interface RunTable {
  run_id: string;
  subject: string;
  grant_id: string;
  /** Unique with `subject`: the caller's `client_ref`, or the bus call's id where there is none. */
  idempotency_key: string;
  client_ref: string | null;
  /** SHA-256 of model, input and options: tells a replay from a conflict. */
  request_hash: string;
  model: string;
  provider: string;
  native_id: string;
  input: string;
  /** JSON object: input field to where its file is. */
  file_fields: string;
  options: string;
  metadata: string;
  webhook: string | null;
  status: string;
  /** `queued`, `submitting`, `running`, `storing` or `done`: what the poller does next. */
  phase: string;
  upstream_status: string | null;
  upstream_id: string | null;
  progress: number | null;
  queue_position: number | null;
  /** Opaque JSON of the provider; null until the submit was answered. */
  handle: string | null;
  version: number;
  poll_attempts: number;
  /** When the row is due; null when there is nothing left to do. */
  next_poll_at: number | null;
  lease_owner: string | null;
  lease_until: number | null;
  cancel_requested_at: number | null;
  created_at: number;
  submitted_at: number | null;
  finished_at: number | null;
  deadline_at: number;
  currency: string;
  estimated_micros: number | null;
  reserved_micros: number;
  charged_micros: number | null;
  outputs: string;
  error: string | null;
  raw: string | null;
  logs: string;
  /** `<owner>/<alias>` of the wrapper that made the input of `model`, as it was called then. */
  wrapper: Generated<string | null>;
  /** The client's id or the key's name, and the profile that it came by; empty where nobody said. */
  client: Generated<string>;
  mount: Generated<string>;
  /** When its input, its outputs and what the platform said were deleted. */
  payload_deleted_at: Generated<number | null>;
  /** The batch that it is of, and its place in that. */
  batch_id: Generated<string | null>;
  batch_index: Generated<number | null>;
  /** By what the runs of a lane are sent in turn, in place of `created_at`: later for those of low priority. */
  send_rank: Generated<number | null>;
}

/** Many runs as one piece of work. Those that wait for their turn are `queued` with no time at which they are due. */
export interface BatchTable {
  batch_id: string;
  subject: string;
  /** Unique with `subject`. */
  idempotency_key: string;
  client_ref: string | null;
  request_hash: string;
  model: string;
  provider: string;
  total: number;
  /** Runs at once. */
  concurrency: number;
  currency: string;
  /** What all of it may cost, in `currency`. */
  max_cost_micros: number | null;
  /** JSON: names of the fields in which its inputs differ. */
  varied: string;
  created_at: number;
  cancel_requested_at: number | null;
  finished_at: number | null;
  /** Why the rest was not started: `cancelled` or `max_cost`. */
  stopped: string | null;
  /** When it is looked at again, whatever is heard of its runs; null when it is over. */
  next_look_at: number | null;
  /** JSON: its sheet and table, once they were made. */
  files: string | null;
}

export interface RunEventTable {
  run_id: string;
  seq: number;
  at: number;
  status: string;
  note: string;
}

export interface RunTagTable {
  run_id: string;
  subject: string;
  name: string;
  value: string;
}

/** What a subject may spend in a period. */
export interface BudgetTable {
  subject: string;
  /** `day`, `month` or `total`. */
  period: string;
  currency: string;
  limit_micros: number;
}

/** Every reservation, charge and release: the sum of a run's entries is what it holds or cost. */
export interface LedgerTable {
  entry_id: string;
  run_id: string;
  subject: string;
  provider: string;
  model: string;
  /** `reserve`, `release` or `charge`. */
  kind: string;
  currency: string;
  amount_micros: number;
  at: number;
  /** Of a charge: `known`, `assumed` (the most that it can be) or `unknown` (what budgets count it as). */
  certainty: Generated<string>;
  /** As of its run. */
  client: Generated<string>;
  mount: Generated<string>;
}

/** What may be spent within a scope, over a window. Of one subject by day, month and in all, see `budgets`. */
export interface SpendingLimitTable {
  /** `subject`, `client`, `team`, `mount`, `provider` or `deployment`. */
  scope: string;
  /** Whose; `*`: each has one like it; empty for the deployment. */
  scope_value: string;
  /** A window, see `parseWindow`. */
  span: string;
  time_zone: string;
  currency: string;
  limit_micros: number;
}

/** Above what a run within a scope is confirmed by a person, in millionths of a US dollar. */
export interface ConfirmThresholdTable {
  scope: string;
  scope_value: string;
  above_micros: number;
}

/** How many runs are under way at once and sent in a while, of a tenant or at a platform. */
export interface RunLimitTable {
  /** `subject` or `provider`. */
  scope: string;
  /** Whose; `*`: each has one like it. */
  scope_value: string;
  at_once: number | null;
  rate_count: number | null;
  rate_window_ms: number | null;
  open_runs: number | null;
}

/** What is used of such a limit. */
export interface RunLimitStateTable {
  scope: string;
  scope_value: string;
  /** JSON. */
  memory: string;
  at: number;
}

/** A run that somebody was asked to confirm. */
export interface ConfirmationTable {
  confirmation_id: string;
  subject: string;
  /** SHA-256 of what it is about: the answer is good for that alone. */
  about_hash: string;
  /** JSON: what is shown. */
  question: string;
  /** `accepted` or `declined`; null while nobody has said. */
  answer: string | null;
  asked_at: number;
  answered_at: number | null;
  expires_at: number;
}

export interface WebhookDeliveryTable {
  delivery_id: string;
  run_id: string;
  url: string;
  body: string;
  attempts: number;
  next_attempt_at: number | null;
  lease_until: number | null;
  delivered_at: number | null;
  last_status: number | null;
  /** Null for those that are older than the question. */
  created_at: Generated<number | null>;
  last_attempt_at: Generated<number | null>;
  /** Why the last attempt was none: a word of ours, never the receiver's. */
  last_problem: Generated<string | null>;
  /** Of a message about an event: whose it is, the subscription, and the id that its receiver tells repetitions by. */
  subject: Generated<string | null>;
  subscription_id: Generated<string | null>;
  message_id: Generated<string | null>;
}

/** Who is told by webhook of what happens (the Events extension of MCP). */
export interface EventSubscriptionTable {
  /** Follows from subject, name, arguments and address. */
  subscription_id: string;
  subject: string;
  client: string;
  /** By what its subscriber was let in. */
  grant_id: string;
  name: string;
  /** JSON, in one order. */
  arguments: string;
  url: string;
  /** JSON of a sealed text: what messages are signed with. */
  secret: string;
  /** The one of before, which signs as well until a moment. */
  secret_before: string | null;
  secret_until: number | null;
  /** Cursors: up to where messages were written, and up to where all of them were taken or given up. */
  position: string;
  settled: string;
  created_at: number;
  expires_at: number;
  /** Null when it is over. */
  next_look_at: number | null;
  ended_at: number | null;
}

export interface ModelTable {
  /** `<provider>/<native id>` */
  model: string;
  provider: string;
  native_id: string;
  /** The whole `ProviderModel` as JSON. */
  document: string;
  /** Set when the provider no longer lists it; old runs still name it. */
  deleted_at: number | null;
  updated_at: number;
}

export interface CatalogSnapshotTable {
  provider: string;
  version: number;
  etag: string;
  model_count: number;
  synced_at: number;
  checked_at: number;
  /** Why the last sync failed, if it did: the snapshot is stale then. */
  error: string | null;
  /** Since when lists lack so many models that they are not believed; null while they are. */
  suspect_since: number | null;
}

/** A stored file, or the promise of one. */
export interface AssetTable {
  asset_id: string;
  subject: string;
  /** Unique with `subject` where a service opened it: a retry finds it again. */
  ref: string | null;
  /** `pending`, `stored` or `deleted`. */
  state: string;
  file_name: string;
  declared_type: string | null;
  declared_bytes: number | null;
  declared_sha256: string | null;
  content_type: string | null;
  size_bytes: number | null;
  sha256: string | null;
  blob_key: string | null;
  part_count: number;
  created_at: number;
  stored_at: number | null;
  /** When the one-time URL ends. */
  upload_until: number;
  /** When the file is deleted; null: kept. */
  expires_at: number | null;
  /** The run that it is an output of. */
  run_id: Generated<string | null>;
  model: Generated<string | null>;
  /** The profile that the run came by. */
  mount: Generated<string>;
  /** The beginning of what the run was asked for. */
  prompt: Generated<string | null>;
  /** The prompt and the file's name in lower case: both databases compare it alike. */
  search_text: Generated<string>;
  /** Grows when its links are ended: those of before open nothing. */
  link_serial: Generated<number>;
}

export interface ApiKeyTable {
  key_id: string;
  subject: string;
  name: string;
  key_sha256: string;
  /** JSON array. */
  scopes: string;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
  /** `operator`, or `account` for somebody who made it on the account page; null: older than the question. */
  made_by: string | null;
}

export interface RevocationTable {
  seq: Generated<number>;
  grant_id: string;
  at: number;
}

export type RunRow = Selectable<RunTable>;
export type BatchRow = Selectable<BatchTable>;
export type AssetRow = Selectable<AssetTable>;
export type ApiKeyRow = Selectable<ApiKeyTable>;
export type ModelRow = Selectable<ModelTable>;
