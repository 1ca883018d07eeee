import type { Dialect } from '../database.ts';

/** What the database itself refuses of a table that is only added to: whoever writes, by whatever program. */
function appendOnly(dialect: Dialect, table: string, columns: readonly string[]): string[] {
  if (dialect === 'sqlite') {
    const refuse = `select raise(abort, 'the ${table} is only added to')`;
    return [
      `create trigger ${table}_unchanged before update of ${columns.join(', ')} on ${table} begin ${refuse}; end`,
      `create trigger ${table}_kept before delete on ${table} begin ${refuse}; end`,
    ];
  }
  const refuse = `execute function refuse_${table}_change()`;
  return [
    `create function refuse_${table}_change() returns trigger language plpgsql as
      $$ begin raise exception 'the ${table} is only added to'; end $$`,
    `create trigger ${table}_unchanged before update of ${columns.join(', ')} on ${table} for each row ${refuse}`,
    `create trigger ${table}_kept before delete on ${table} for each row ${refuse}`,
    `create trigger ${table}_not_emptied before truncate on ${table} for each statement ${refuse}`,
  ];
}

/**
 * What stands in the ledger stays as it is. The name of an entry alone may change: releases of before give one that is
 * taken back another. Never changed once released.
 */
export function appendOnlyLedger(dialect: Dialect): string[] {
  const columns = [
    'run_id',
    'subject',
    'provider',
    'model',
    'kind',
    'currency',
    'amount_micros',
    'at',
    'certainty',
  ];
  return appendOnly(dialect, 'ledger', columns);
}

/**
 * What more than one subject may spend, over windows of any kind; above what a run is confirmed by a person; and by which
 * client and mount a run came. Never changed once released.
 */
export function spendingLimits(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table spending_limits (
      scope ${text} not null, scope_value ${text} not null, span ${text} not null, time_zone ${text} not null,
      currency ${text} not null, limit_micros ${integer} not null,
      primary key (scope, scope_value, span, time_zone, currency)
    ) ${tableEnd}`,
    `create table confirm_thresholds (
      scope ${text} not null, scope_value ${text} not null, above_micros ${integer} not null,
      primary key (scope, scope_value)
    ) ${tableEnd}`,
    `create table confirmations (
      confirmation_id ${text} primary key, subject ${text} not null, about_hash ${text} not null,
      question ${text} not null, answer ${text}, asked_at ${integer} not null, answered_at ${integer},
      expires_at ${integer} not null
    ) ${tableEnd}`,
    ...['runs', 'ledger'].flatMap((table) => [
      `alter table ${table} add column client ${text} not null default ''`,
      `alter table ${table} add column mount ${text} not null default ''`,
    ]),
    "create index ledger_charges on ledger (at) where kind = 'charge'",
    "create index ledger_providers on ledger (provider, at) where kind = 'charge'",
    "create index ledger_clients on ledger (client, at) where kind = 'charge'",
    "create index ledger_mounts on ledger (mount, at) where kind = 'charge'",
    'create index confirmations_waiting on confirmations (subject, asked_at)',
  ];
}

/**
 * How many runs of a tenant or at a platform are under way at once, and how many are sent in a while. Never changed once
 * released.
 */
export function runLimits(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table run_limits (
      scope ${text} not null, scope_value ${text} not null, at_once ${integer}, rate_count ${integer},
      rate_window_ms ${integer}, open_runs ${integer}, primary key (scope, scope_value)
    ) ${tableEnd}`,
    `create table run_limit_states (
      scope ${text} not null, scope_value ${text} not null, memory ${text} not null, at ${integer} not null,
      primary key (scope, scope_value)
    ) ${tableEnd}`,
    "create index runs_under_way on runs (subject) where phase in ('submitting', 'running')",
  ];
}
