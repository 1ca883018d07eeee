import type { Dialect } from '../database.ts';

/**
 * Batches, the runs that are of one, and in what order the runs of a lane are sent. Never changed once released. A run that
 * waits for its turn in a batch has no time at which it is due, so that older releases leave it alone.
 */
export function batchMigration(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table batches (
      batch_id ${text} primary key, subject ${text} not null, idempotency_key ${text} not null, client_ref ${text},
      request_hash ${text} not null, model ${text} not null, provider ${text} not null, total ${integer} not null,
      concurrency ${integer} not null, currency ${text} not null, max_cost_micros ${integer}, varied ${text} not null,
      created_at ${integer} not null, cancel_requested_at ${integer}, finished_at ${integer}, stopped ${text},
      next_look_at ${integer}, files ${text}
    ) ${tableEnd}`,
    `alter table runs add column batch_id ${text}`,
    `alter table runs add column batch_index ${integer}`,
    `alter table runs add column send_rank ${integer}`,
    'create unique index batches_idempotency on batches (subject, idempotency_key)',
    'create index batches_newest on batches (subject, created_at desc, batch_id)',
    'create index batches_due on batches (next_look_at) where next_look_at is not null',
    'create index runs_batch on runs (batch_id, batch_index) where batch_id is not null',
    "create index runs_in_turn on runs (provider, subject, (coalesce(send_rank, created_at))) where phase = 'queued' and next_poll_at is not null",
  ];
}

/** Who is told by webhook of what happens, and which messages are of whom. Never changed once released. */
export function eventSubscriptions(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table event_subscriptions (
      subscription_id ${text} primary key, subject ${text} not null, client ${text} not null, grant_id ${text} not null,
      name ${text} not null, arguments ${text} not null, url ${text} not null, secret ${text} not null,
      secret_before ${text}, secret_until ${integer}, position ${text} not null, settled ${text} not null,
      created_at ${integer} not null, expires_at ${integer} not null, next_look_at ${integer}, ended_at ${integer}
    ) ${tableEnd}`,
    'create index event_subscriptions_due on event_subscriptions (next_look_at) where next_look_at is not null',
    'create index event_subscriptions_subject on event_subscriptions (subject)',
    `alter table webhook_deliveries add column subject ${text}`,
    `alter table webhook_deliveries add column subscription_id ${text}`,
    `alter table webhook_deliveries add column message_id ${text}`,
    'create index webhook_deliveries_subscription on webhook_deliveries (subscription_id) where subscription_id is not null',
  ];
}
