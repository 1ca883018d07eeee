import type { Selectable } from 'kysely';

/** What people made of models, and under which names. */
export interface WrapperTables {
  wrapper_owners: WrapperOwnerTable;
  wrappers: WrapperTable;
}

/** A name that an owner has or once had: the newest is shown, the older ones still lead to them. */
export interface WrapperOwnerTable {
  name: string;
  subject: string;
  created_at: number;
}

export interface WrapperTable {
  wrapper_id: string;
  subject: string;
  /** Unique with `subject` among those that are not deleted. */
  alias: string;
  /** JSON; empty once it is deleted. */
  definition: string;
  /** `private`, `unlisted` or `public`. */
  visibility: string;
  /** `draft` or `published`. */
  status: string;
  version: number;
  /** Unique with `subject`: a second call with it finds the first one's wrapper. */
  client_ref: string | null;
  /** Of the call that made it: tells a replay from a conflict. */
  request_hash: string | null;
  created_at: number;
  updated_at: number;
  deleted_at: number | null;
}

export type WrapperRow = Selectable<WrapperTable>;

/** With the name that its owner has now. */
export type OwnedWrapperRow = WrapperRow & { owner: string };
