import type { Blobs } from '@inferry/blobs';
import type { forgetPayload, Principal, RunOutput } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import type { z } from 'zod';
import type { AssetLinks } from './assets/asset-links.ts';
import type { AssetTable } from './assets/asset-table.ts';
import type { Policies, Quota } from './assets/quota.ts';
import type { AddressPolicy } from './fetch/public-connector.ts';
import type { Gate } from './gate.ts';
import type { Viewer } from './view/viewer.ts';

/** What the handlers of this service need. */
export interface UploadDeps {
  database: Database;
  assets: AssetTable;
  quota: Quota;
  policies: Policies;
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
  readOutputs(runId: string, options: OwnCall): Promise<RunOutput[]>;
  forgetPayload(
    input: z.infer<typeof forgetPayload.input>,
    options: OwnCall,
  ): Promise<z.infer<typeof forgetPayload.output>>;
  now: () => number;
}

/** A question that is asked for a caller. */
interface OwnCall {
  principal: Principal;
  signal: AbortSignal;
}
