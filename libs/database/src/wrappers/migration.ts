import type { Dialect } from '../database.ts';

/**
 * Wrappers, the names under which their owners are addressed, and which of them a run was made by. Never changed once
 * released.
 */
export function wrapperTables(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table wrapper_owners (
      name ${text} primary key, subject ${text} not null, created_at ${integer} not null
    ) ${tableEnd}`,
    `create table wrappers (
      wrapper_id ${text} primary key, subject ${text} not null, alias ${text} not null, definition ${text} not null,
      visibility ${text} not null, status ${text} not null, version ${integer} not null, client_ref ${text},
      request_hash ${text}, created_at ${integer} not null, updated_at ${integer} not null, deleted_at ${integer}
    ) ${tableEnd}`,
    'create index wrapper_owners_subject on wrapper_owners (subject, created_at)',
    'create unique index wrappers_alias on wrappers (subject, alias) where deleted_at is null',
    'create unique index wrappers_ref on wrappers (subject, client_ref) where client_ref is not null',
    "create index wrappers_listed on wrappers (updated_at) where visibility = 'public' and status = 'published' and deleted_at is null",
    'create index wrappers_deleted on wrappers (deleted_at) where deleted_at is not null',
    `alter table runs add column wrapper ${text}`,
  ];
}
