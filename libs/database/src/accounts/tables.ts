import type { Selectable } from 'kysely';

/** Who may sign in, and who is signed in. */
export interface AccountTables {
  accounts: AccountTable;
  account_sessions: AccountSessionTable;
}

/** Somebody who signed in once, by whichever driver. */
export interface AccountTable {
  /** The subject of everything that they own. */
  account_id: string;
  driver: string;
  /** Unique with `driver`: a user name, issuer and subject, a key's fingerprint. */
  external_id: string;
  display: string;
  /** PHC string; null where somebody else checks who it is. */
  password_hash: string | null;
  created_at: number;
  seen_at: number | null;
  disabled_at: number | null;
  /** `operator` or `self`; null for accounts that are older than the question. */
  made_by: string | null;
}

/** A browser that is signed in to the account page. */
export interface AccountSessionTable {
  /** SHA-256 of what the cookie holds. */
  session_id: string;
  account_id: string;
  created_at: number;
  seen_at: number;
  expires_at: number;
}

export type AccountRow = Selectable<AccountTable>;
export type AccountSessionRow = Selectable<AccountSessionTable>;
