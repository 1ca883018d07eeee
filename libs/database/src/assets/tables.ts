/** The tables beside `assets`: its tags, how long and how much is kept for whom, and what platforms are to delete. */
export interface AssetDetailTables {
  asset_tags: AssetTagTable;
  storage_policies: StoragePolicyTable;
  payload_deletions: PayloadDeletionTable;
}

export interface AssetTagTable {
  asset_id: string;
  subject: string;
  tag: string;
}

/** Of a scope; null: as the wider scope says. */
export interface StoragePolicyTable {
  /** `subject`, `mount` or `deployment`. */
  scope: string;
  /** Whose; empty for the deployment. */
  scope_value: string;
  /** 1: outputs are copied from the platforms; 0: their own links are passed on. */
  rehost: number | null;
  retention_days: number | null;
  max_bytes: number | null;
}

/** What a platform keeps of an ended run and is asked to delete; `outcome` is null while it is not known. */
export interface PayloadDeletionTable {
  run_id: string;
  subject: string;
  provider: string;
  attempts: number;
  next_attempt_at: number | null;
  lease_until: number | null;
  asked_at: number;
  /** `deleted`, `not_offered`, `refused` or `given_up`. */
  outcome: string | null;
}
