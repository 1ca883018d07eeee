import type { Dialect } from '../database.ts';

/** What a platform tells of one model when it is asked for it alone, and since when its lists are not believed. */
export function catalogDetailTables(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table model_details (
      model ${text} primary key, provider ${text} not null, document ${text} not null,
      listed_as ${text} not null, described_at ${integer} not null
    ) ${tableEnd}`,
    `alter table catalog_snapshots add column suspect_since ${integer}`,
  ];
}
