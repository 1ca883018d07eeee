/** What the authorization server's tables are made of on either database. */
interface ColumnTypes {
  text: string;
  integer: string;
  tableEnd: string;
}

/** The statements of the migration that adds the authorization server's tables; never changed once released. */
export function oauthTables({ text, integer, tableEnd }: ColumnTypes): string[] {
  return [
    `create table oauth_records (
      record_id ${text} primary key, kind ${text} not null, grant_id ${text}, payload ${text} not null,
      consumed_at ${integer}, expires_at ${integer} not null, browser ${text}, stash ${text}
    ) ${tableEnd}`,
    `create table oauth_clients (
      client_id ${text} primary key, metadata ${text} not null, created_at ${integer} not null, used_at ${integer},
      expires_at ${integer} not null
    ) ${tableEnd}`,
    `create table oauth_grants (
      grant_id ${text} primary key, subject ${text} not null, display ${text} not null, client_id ${text} not null,
      client_name ${text} not null, kind ${text} not null, scopes ${text} not null, created_at ${integer} not null,
      last_used_at ${integer}, expires_at ${integer} not null, revoked_at ${integer}
    ) ${tableEnd}`,
    `create table oauth_refreshes (
      request_id ${text} primary key, grant_id ${text}, owner ${text} not null, locked_until ${integer} not null,
      response ${text}, expires_at ${integer} not null
    ) ${tableEnd}`,
    `create table oauth_signing_keys (
      generation ${integer} primary key, kid ${text} not null, public_jwk ${text} not null, sealed ${text} not null,
      created_at ${integer} not null, active_from ${integer} not null, removed_at ${integer}
    ) ${tableEnd}`,
    'create index oauth_records_grant on oauth_records (grant_id) where grant_id is not null',
    'create index oauth_records_expiring on oauth_records (expires_at)',
    'create index oauth_clients_expiring on oauth_clients (expires_at)',
    'create index oauth_grants_subject on oauth_grants (subject, created_at)',
    'create index oauth_grants_client on oauth_grants (client_id)',
    'create index oauth_grants_expiring on oauth_grants (expires_at)',
    'create index oauth_refreshes_grant on oauth_refreshes (grant_id) where grant_id is not null',
    'create index oauth_refreshes_expiring on oauth_refreshes (expires_at)',
    'create unique index oauth_signing_keys_kid on oauth_signing_keys (kid)',
  ];
}
