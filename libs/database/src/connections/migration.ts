/** What the tables of connections are made of on either database. */
interface ColumnTypes {
  text: string;
  integer: string;
  tableEnd: string;
}

/** The statements of the migration that adds connections; never changed once released. */
export function connectionTables({ text, integer, tableEnd }: ColumnTypes): string[] {
  return [
    `create table connections (
      connection_id ${text} primary key, provider ${text} not null, owner_kind ${text} not null,
      owner_id ${text} not null, label ${text} not null, origin ${text} not null, state ${text} not null,
      base_url ${text}, account ${text}, balance ${text}, kid ${text}, sealed ${text},
      created_at ${integer} not null, checked_at ${integer}, expires_at ${integer}
    ) ${tableEnd}`,
    `create table connection_grants (
      grant_id ${text} not null, connection_id ${text} not null references connections (connection_id) on delete cascade,
      primary key (grant_id, connection_id)
    ) ${tableEnd}`,
    `create table team_members (
      team ${text} not null, subject ${text} not null, primary key (subject, team)
    ) ${tableEnd}`,
    `create table vault_keys (
      name ${text} primary key, public_key ${text} not null, kid ${text} not null, sealed ${text} not null,
      created_at ${integer} not null
    ) ${tableEnd}`,
    'create index connections_owner on connections (owner_kind, owner_id, provider)',
    'create index connections_expiring on connections (expires_at) where expires_at is not null',
    'create index connections_kid on connections (kid) where kid is not null',
    'create index connection_grants_connection on connection_grants (connection_id)',
    'create index team_members_team on team_members (team)',
  ];
}

/** The statements of the migration that adds how long a platform has asked to wait; never changed once released. */
export function connectionLimits({ integer }: Pick<ColumnTypes, 'integer'>): string[] {
  return [`alter table connections add column limited_until ${integer}`];
}
