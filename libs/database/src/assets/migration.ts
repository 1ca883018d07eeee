import type { Dialect } from '../database.ts';

/**
 * What makes stored files a library: where each came from, its tags, how links to it are ended; how long and how much is
 * kept for whom; and what is known of each webhook's attempts. Never changed once released.
 */
export function assetLibrary(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  const runOfRef =
    dialect === 'postgres' ? "split_part(substr(ref, 5), '/', 1)" : "substr(ref, 5, instr(ref, '/') - 5)";
  return [
    `alter table assets add column run_id ${text}`,
    `alter table assets add column model ${text}`,
    `alter table assets add column mount ${text} not null default ''`,
    `alter table assets add column prompt ${text}`,
    `alter table assets add column search_text ${text} not null default ''`,
    `alter table assets add column link_serial ${integer} not null default 0`,
    `create table asset_tags (
      asset_id ${text} not null references assets (asset_id) on delete cascade, subject ${text} not null,
      tag ${text} not null, primary key (asset_id, tag)
    ) ${tableEnd}`,
    `create table storage_policies (
      scope ${text} not null, scope_value ${text} not null, rehost ${integer}, retention_days ${integer},
      max_bytes ${integer}, primary key (scope, scope_value)
    ) ${tableEnd}`,
    `create table payload_deletions (
      run_id ${text} primary key, subject ${text} not null, provider ${text} not null, attempts ${integer} not null,
      next_attempt_at ${integer}, lease_until ${integer}, asked_at ${integer} not null, outcome ${text}
    ) ${tableEnd}`,
    `alter table runs add column payload_deleted_at ${integer}`,
    `alter table webhook_deliveries add column created_at ${integer}`,
    `alter table webhook_deliveries add column last_attempt_at ${integer}`,
    `alter table webhook_deliveries add column last_problem ${text}`,
    `update assets set run_id = ${runOfRef} where ref like 'ref:run\\_%/%' escape '\\'`,
    `update assets set model = (select model from runs where runs.run_id = assets.run_id),
      mount = coalesce((select mount from runs where runs.run_id = assets.run_id), '')
      where run_id is not null`,
    'create index assets_newest on assets (subject, created_at desc, asset_id)',
    "create index assets_oldest on assets (created_at) where state = 'stored'",
    'create index assets_run on assets (run_id) where run_id is not null',
    'create index asset_tags_tag on asset_tags (subject, tag)',
    'create index payload_deletions_due on payload_deletions (next_attempt_at) where next_attempt_at is not null',
    "create index runs_with_payload on runs (finished_at) where phase = 'done' and payload_deleted_at is null",
  ];
}
