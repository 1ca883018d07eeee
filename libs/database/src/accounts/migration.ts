/** What the tables of accounts are made of on either database. */
interface ColumnTypes {
  text: string;
  integer: string;
  tableEnd: string;
}

/** The statements of the migration that adds accounts and their sessions; never changed once released. */
export function accountTables({ text, integer, tableEnd }: ColumnTypes): string[] {
  return [
    `create table accounts (
      account_id ${text} primary key, driver ${text} not null, external_id ${text} not null, display ${text} not null,
      password_hash ${text}, created_at ${integer} not null, seen_at ${integer}, disabled_at ${integer}
    ) ${tableEnd}`,
    `create table account_sessions (
      session_id ${text} primary key, account_id ${text} not null references accounts (account_id) on delete cascade,
      created_at ${integer} not null, seen_at ${integer} not null, expires_at ${integer} not null
    ) ${tableEnd}`,
    'create unique index accounts_external on accounts (driver, external_id)',
    'create index account_sessions_account on account_sessions (account_id)',
    'create index account_sessions_expiring on account_sessions (expires_at)',
  ];
}

/** The statements of the migration that adds who made an account or an API key; never changed once released. */
export function makerColumns({ text }: Pick<ColumnTypes, 'text'>): string[] {
  return [
    `alter table accounts add column made_by ${text}`,
    `alter table api_keys add column made_by ${text}`,
  ];
}
