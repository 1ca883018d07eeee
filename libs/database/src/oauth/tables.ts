import type { Selectable } from 'kysely';

/** What the authorization server keeps. Whatever could be used as a credential is here as a hash or sealed. */
export interface OAuthTables {
  oauth_records: OAuthRecordTable;
  oauth_clients: OAuthClientTable;
  oauth_grants: OAuthGrantTable;
  oauth_refreshes: OAuthRefreshTable;
  oauth_signing_keys: OAuthSigningKeyTable;
}

/** Codes, refresh tokens and sign-ins in progress, as the protocol engine writes them. */
export interface OAuthRecordTable {
  /** SHA-256 of the kind and the value, so that reading the table gives nobody a token. */
  record_id: string;
  kind: string;
  grant_id: string | null;
  /** JSON, without the value. */
  payload: string;
  consumed_at: number | null;
  expires_at: number;
  /** Sign-ins only: SHA-256 of the browser's own cookie. */
  browser: string | null;
  /** Sign-ins only: what a sign-in driver keeps on the server from step to step. */
  stash: string | null;
}

/** A client that registered itself (RFC 7591). */
export interface OAuthClientTable {
  client_id: string;
  /** JSON. */
  metadata: string;
  created_at: number;
  /** When somebody last granted it something or it refreshed; null: nobody ever did. */
  used_at: number | null;
  /** Pushed back by each use. */
  expires_at: number;
}

/** What a subject allowed a client. */
export interface OAuthGrantTable {
  grant_id: string;
  subject: string;
  /** How the person is shown: a name or an address, never a credential. */
  display: string;
  client_id: string;
  client_name: string;
  /** How it came to be: `authorization_code`, `client_credentials` or `enterprise`. */
  kind: string;
  /** JSON array. */
  scopes: string;
  created_at: number;
  last_used_at: number | null;
  expires_at: number;
  revoked_at: number | null;
}

/** One use of a refresh token: who answers it, and the answer, for a retry of the same request. */
export interface OAuthRefreshTable {
  /** SHA-256 of the token, the client and the scope. */
  request_id: string;
  grant_id: string | null;
  owner: string;
  locked_until: number;
  /** Sealed with a key that only the token gives. */
  response: string | null;
  expires_at: number;
}

export interface OAuthSigningKeyTable {
  /** One key each, so that replicas that start together make one key between them. */
  generation: number;
  kid: string;
  /** JSON Web Key. */
  public_jwk: string;
  /** The private key, sealed. */
  sealed: string;
  created_at: number;
  /** Tokens are signed with it from then on; it is published before. */
  active_from: number;
  /** Taken out in an emergency. */
  removed_at: number | null;
}

export type OAuthRecordRow = Selectable<OAuthRecordTable>;
export type OAuthClientRow = Selectable<OAuthClientTable>;
export type OAuthGrantRow = Selectable<OAuthGrantTable>;
export type OAuthSigningKeyRow = Selectable<OAuthSigningKeyTable>;
