import type { Blobs } from '@inferry/blobs';
import type { Limits } from '@inferry/limits';
import type { PaceOptions, Parts } from '@inferry/runtime';
import type { AssetLinks } from '../assets/asset-links.ts';
import type { AssetTable } from '../assets/asset-table.ts';
import type { Quota } from '../assets/quota.ts';
import type { Transfers } from './transfers.ts';

export interface HttpTimeouts {
  /** The longest silence of a client while it sends or reads. */
  silenceMs: number;
  /** The slowest that a client may send, and read. */
  pace: PaceOptions;
  /** The longest that one PUT may take. */
  uploadMs: number;
  /** How long a refused client may go on sending before its connection is cut. */
  lingerMs: number;
}

export interface HttpDeps {
  assets: AssetTable;
  quota: Quota;
  blobs: Blobs;
  limits: Limits;
  links: AssetLinks;
  uploads: Transfers;
  downloads: Transfers;
  timeouts: HttpTimeouts;
  log: Pick<Parts['log'], 'error'>;
  now: () => number;
}
