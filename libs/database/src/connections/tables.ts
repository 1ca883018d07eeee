import type { Selectable } from 'kysely';

/** Ways to providers: whose they are, how they fare, and their keys in sealed form. */
export interface ConnectionTables {
  connections: ConnectionTable;
  connection_grants: ConnectionGrantTable;
  team_members: TeamMemberTable;
  vault_keys: VaultKeyTable;
}

export interface ConnectionTable {
  connection_id: string;
  provider: string;
  /** `deployment`, `team` or `user`. */
  owner_kind: string;
  /** The subject or the team; empty for the deployment. */
  owner_id: string;
  label: string;
  /** `stored`, `signin` or `passthrough`; `environment` for the state of a key that is not stored here. */
  origin: string;
  /** `ok`, `rejected` or `unknown`. */
  state: string;
  base_url: string | null;
  /** How the platform names the account. */
  account: string | null;
  /** JSON. */
  balance: string | null;
  /** The key-encryption key that opens `sealed`. */
  kid: string | null;
  /** The key; null where it is not stored here. */
  sealed: string | null;
  created_at: number;
  checked_at: number | null;
  /** Until when its platform has asked to be left alone; it may lie in the past. */
  limited_until: number | null;
  /** When the key is wiped; null: it is kept. */
  expires_at: number | null;
}

/** Grants that were given because of a key: they end with it. */
export interface ConnectionGrantTable {
  grant_id: string;
  connection_id: string;
}

export interface TeamMemberTable {
  team: string;
  subject: string;
}

/** The vault's own key pairs, for what travels to it. */
export interface VaultKeyTable {
  name: string;
  public_key: string;
  kid: string;
  sealed: string;
  created_at: number;
}

export type ConnectionRow = Selectable<ConnectionTable>;
export type VaultKeyRow = Selectable<VaultKeyTable>;
