import type { Dialect } from '../database.ts';

/** A change of a table that the trail tells of, by whatever program it was made. */
interface Audited {
  name: string;
  table: string;
  event: string;
  action: string;
  /** SQL over the row: who did it, whose it is, what it is, and what else is told of it. */
  actor: string;
  subject: string;
  object: string;
  details: readonly string[];
  when?: string;
}

/** `row` stands for the row as it is afterwards, or for the deleted one. */
const audited: readonly Audited[] = [
  {
    ...{ name: 'audit_run', table: 'runs', event: 'insert', action: 'run.started' },
    ...{ actor: 'row.subject', subject: 'row.subject', object: 'row.run_id' },
    details: ['model', 'client', 'mount', 'grant_id', 'currency', 'estimated_micros'],
  },
  {
    ...{ name: 'audit_cancel', table: 'runs', event: 'update of phase', action: 'run.cancelled' },
    ...{ actor: 'row.subject', subject: 'row.subject', object: 'row.run_id', details: ['model'] },
    when: "new.phase = 'done' and new.status = 'cancelled'",
  },
  {
    ...{ name: 'audit_grant', table: 'oauth_grants', event: 'insert', action: 'client.allowed' },
    ...{ actor: 'row.subject', subject: 'row.subject', object: 'row.grant_id' },
    details: ['client_id', 'client_name', 'kind', 'scopes'],
  },
  {
    ...{
      name: 'audit_revoked',
      table: 'oauth_grants',
      event: 'update of revoked_at',
      action: 'client.revoked',
    },
    ...{ actor: "''", subject: 'row.subject', object: 'row.grant_id', details: ['client_id', 'client_name'] },
    when: 'new.revoked_at is not null and old.revoked_at is null',
  },
  {
    ...{ name: 'audit_key', table: 'api_keys', event: 'insert', action: 'key.created' },
    ...{ actor: "coalesce(row.made_by, '')", subject: 'row.subject', object: 'row.key_id' },
    details: ['name', 'scopes', 'expires_at'],
  },
  {
    ...{ name: 'audit_key_end', table: 'api_keys', event: 'update of revoked_at', action: 'key.revoked' },
    ...{ actor: "''", subject: 'row.subject', object: 'row.key_id', details: ['name'] },
    when: 'new.revoked_at is not null and old.revoked_at is null',
  },
  {
    ...{ name: 'audit_connection', table: 'connections', event: 'insert', action: 'connection.added' },
    ...{ actor: 'row.owner_id', subject: 'row.owner_id', object: 'row.connection_id' },
    details: ['provider', 'owner_kind', 'origin'],
    when: 'new.sealed is not null',
  },
  {
    ...{ name: 'audit_connection_end', table: 'connections', event: 'delete', action: 'connection.deleted' },
    ...{ actor: "''", subject: 'row.owner_id', object: 'row.connection_id' },
    details: ['provider', 'owner_kind', 'origin'],
    when: 'old.sealed is not null',
  },
  {
    ...{ name: 'audit_asset', table: 'assets', event: 'update of state', action: 'asset.deleted' },
    ...{
      actor: "''",
      subject: 'row.subject',
      object: 'row.asset_id',
      details: ['content_type', 'size_bytes'],
    },
    when: "new.state = 'deleted' and old.state <> 'deleted'",
  },
  {
    ...{ name: 'audit_answer', table: 'confirmations', event: 'update of answer' },
    action: 'cost.answered',
    ...{ actor: 'row.subject', subject: 'row.subject', object: 'row.confirmation_id' },
    details: ['answer', 'question'],
    when: "new.answer in ('accepted', 'declined')",
  },
];

/**
 * The trail of who ran, allowed, revoked and deleted what. Its lines are written by triggers, in the transaction of what they
 * tell of, and chained afterwards: whoever runs something waits for nobody. Never changed once released.
 */
export function auditTrail(dialect: Dialect): string[] {
  const [text, integer, tableEnd] =
    dialect === 'postgres' ? ['text collate "C"', 'bigint', ''] : ['text', 'integer', 'strict'];
  return [
    `create table audit_entries (
      audit_id ${text} primary key, at ${integer} not null, actor ${text} not null, action ${text} not null,
      subject ${text} not null, object ${text} not null, details ${text} not null, place ${integer}, hash ${text}
    ) ${tableEnd}`,
    // Where the chain begins since what came before was deleted by its age.
    `create table audit_anchors (place ${integer} primary key, hash ${text} not null, at ${integer} not null) ${tableEnd}`,
    `create table provider_pauses (
      provider ${text} primary key, mode ${text} not null, reason ${text} not null, at ${integer} not null
    ) ${tableEnd}`,
    'create index audit_unsealed on audit_entries (at, audit_id) where place is null',
    'create index audit_places on audit_entries (place)',
    ...audited.flatMap((change) => toTrigger(dialect, change)),
    ...guards(dialect),
  ];
}

function toTrigger(
  dialect: Dialect,
  { name, table, event, action, when, details, ...columns }: Audited,
): string[] {
  const row = event === 'delete' ? 'old' : 'new';
  const of = (expression: string) => expression.replace(/\brow\./g, `${row}.`);
  const json = details.map((column) => `'${column}', ${row}.${column}`).join(', ');
  const [id, at, object] =
    dialect === 'postgres'
      ? [
          "replace(gen_random_uuid()::text, '-', '')",
          '(extract(epoch from clock_timestamp()) * 1000)::bigint',
          `json_build_object(${json})::text`,
        ]
      : ['lower(hex(randomblob(16)))', "cast(unixepoch('subsec') * 1000 as integer)", `json_object(${json})`];
  const insert = `insert into audit_entries (audit_id, at, actor, action, subject, object, details)
    values (${id}, ${at}, ${of(columns.actor)}, '${action}', ${of(columns.subject)}, ${of(columns.object)}, ${object})`;
  const condition = when === undefined ? '' : `when (${when})`;
  if (dialect === 'sqlite') {
    return [`create trigger ${name} after ${event} on ${table} ${condition} begin ${insert}; end`];
  }
  return [
    `create function ${name}() returns trigger language plpgsql as $$ begin ${insert}; return null; end $$`,
    `create trigger ${name} after ${event} on ${table} for each row ${condition} execute function ${name}()`,
  ];
}

/** What a line says never changes, its place in the chain is given once, and only what an anchor stands for is deleted. */
function guards(dialect: Dialect): string[] {
  const changed = ['audit_id', 'at', 'actor', 'action', 'subject', 'object', 'details']
    .map((column) => `new.${column} <> old.${column}`)
    .join(' or ');
  const refused = `old.hash is not null or ${changed}`;
  const anchored = 'exists (select 1 from audit_anchors where place >= old.place)';
  if (dialect === 'sqlite') {
    const refuse = "begin select raise(abort, 'the audit trail is only added to'); end";
    return [
      `create trigger audit_unchanged before update on audit_entries when (${refused}) ${refuse}`,
      `create trigger audit_kept before delete on audit_entries when (not ${anchored}) ${refuse}`,
    ];
  }
  const raise = "raise exception 'the audit trail is only added to'";
  return [
    `create function audit_unchanged() returns trigger language plpgsql as
      $$ begin if ${refused} then ${raise}; end if; return new; end $$`,
    `create function audit_kept() returns trigger language plpgsql as
      $$ begin if not ${anchored} then ${raise}; end if; return old; end $$`,
    `create function audit_not_emptied() returns trigger language plpgsql as $$ begin ${raise}; end $$`,
    'create trigger audit_unchanged before update on audit_entries for each row execute function audit_unchanged()',
    'create trigger audit_kept before delete on audit_entries for each row execute function audit_kept()',
    'create trigger audit_not_emptied before truncate on audit_entries for each statement execute function audit_not_emptied()',
  ];
}
