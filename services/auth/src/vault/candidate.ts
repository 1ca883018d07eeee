import type { Secret } from '@inferry/contracts';
import type { ConnectionRow } from '@inferry/database/connections';

/** A way to a provider that somebody may use; the key is not opened yet. */
export interface Candidate {
  row: ConnectionRow;
  /** The key, where it is in memory and not stored. */
  held: Secret | undefined;
}
