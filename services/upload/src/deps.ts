import type { Blobs } from '@inferry/blobs';
import type { Principal, RunOutput } from '@inferry/contracts';
import type { AssetLinks } from './assets/asset-links.ts';
import type { AssetTable } from './assets/asset-table.ts';
import type { Quota } from './assets/quota.ts';
import type { AddressPolicy } from './fetch/public-connector.ts';
import type { Gate } from './gate.ts';
import type { Viewer } from './view/viewer.ts';

/** What the handlers of this service need. */
export interface UploadDeps {
  assets: AssetTable;
  quota: Quota;
  /** How long a file lives that was given no end; undefined: for ever. */
  fileSeconds: number | undefined;
  blobs: Blobs;
  links: AssetLinks;
  /** Copies of remote files at once. */
  copies: Gate;
  /** Pictures decoded at once. */
  pictures: Gate;
  viewer: Viewer;
  addressPolicy: AddressPolicy;
  uploadUrlSeconds: number;
  ffmpegPath: string | undefined;
  readOutputs(runId: string, options: { principal: Principal; signal: AbortSignal }): Promise<RunOutput[]>;
  now: () => number;
}
