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
