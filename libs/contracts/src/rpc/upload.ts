import { z } from 'zod';
import { defineRpc } from '../operation.ts';

/**
 * Opens an asset for bytes that a service holds (an output of a run) and returns a one-time internal PUT URL: the
 * claim-check pattern, since bytes never travel on the bus. The same `ref` returns the same asset, so that a retry
 * after a crash stores nothing twice.
 */
export const openAsset = defineRpc({
  subject: 'rpc.v1.upload.open_asset',
  servesRuns: true,
  input: z.object({
    file_name: z.string().min(1).max(255),
    content_type: z.string().max(200).optional(),
    /** Unique per subject, e.g. `<run_id>/0`. */
    ref: z.string().min(1).max(200),
    /** Deletes the file after so many seconds, unless a later call keeps it. */
    expires_in: z.int().min(60).optional(),
    /** Of an output of a run: what it is found by. */
    about: z
      .object({
        run_id: z.string().max(100),
        model: z.string().max(300),
        mount: z.string().max(200),
        prompt: z.string().max(4_000).optional(),
        tags: z.array(z.string().max(130)).max(32).optional(),
      })
      .optional(),
  }),
  output: z.object({
    asset_id: z.string(),
    /** Where to PUT the bytes; absent when the asset is already stored. */
    put_url: z.string().optional(),
  }),
});

export const StoredAsset = z.object({
  asset_id: z.string(),
  file_name: z.string(),
  content_type: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  /** Public link, good until `expires_at` (for ever when absent). */
  url: z.string(),
  /** Of links that end before their file: one that leads to a fresh one each time, for whatever is kept. */
  lasting_url: z.string().optional(),
  /** The same file for services of this deployment. */
  internal_url: z.string(),
  expires_at: z.string().optional(),
});
export type StoredAsset = z.infer<typeof StoredAsset>;

/** Assets of the caller by id or by our own file URL. Errors: `asset_not_found`, `asset_not_ready`. */
export const resolveAssets = defineRpc({
  subject: 'rpc.v1.upload.resolve_assets',
  servesRuns: true,
  input: z.object({ refs: z.array(z.string()).max(64) }),
  /** In the order of `refs`; null where the reference is a foreign URL. */
  output: z.object({ assets: z.array(StoredAsset.nullable()) }),
});

/** What the caller has stored or promised to store, and how much it may be where that is bounded. */
export const readStorage = defineRpc({
  subject: 'rpc.v1.upload.read_storage',
  input: z.object({}),
  output: z.object({
    bytes: z.int(),
    files: z.int(),
    max_bytes: z.int().optional(),
    max_files: z.int().optional(),
  }),
});

/** How loud a sound of the caller's is from beginning to end; nothing where it cannot be decoded. Errors: `asset_not_found`. */
export const readWaveform = defineRpc({
  subject: 'rpc.v1.upload.read_waveform',
  input: z.object({ asset_id: z.string().min(1).max(100) }),
  output: z.object({
    /** 0 to 1, the highest of each part. */
    peaks: z.array(z.number()).max(240),
    seconds: z.number().optional(),
  }),
});

/** Cells of one picture: more are too small to tell apart. */
export const maxSheetCells = 100;

/**
 * One picture of many, each with a number, as an asset of the caller: the same `ref` returns the same one. What cannot be
 * shown is an empty cell; without any that can there is no asset.
 */
export const makeSheet = defineRpc({
  subject: 'rpc.v1.upload.make_sheet',
  timeoutMs: 120_000,
  input: z.object({
    ref: z.string().min(1).max(200),
    file_name: z.string().min(1).max(255),
    cells: z
      .array(z.object({ number: z.int().min(0), asset_id: z.string() }))
      .min(1)
      .max(maxSheetCells),
  }),
  output: z.object({ asset: StoredAsset.optional() }),
});
