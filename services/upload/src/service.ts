import type { Bus } from '@inferry/bus';
import {
  createUpload,
  deleteAssets,
  forgetPayload,
  listAssets,
  makeSheet,
  openAsset,
  readOutputs,
  readStorage,
  readWaveform,
  resolveAssets,
  type Secret,
  updateAssets,
  uploadFile,
  viewOutput,
} from '@inferry/contracts';
import { readDatabaseTime } from '@inferry/database';
import { type HttpService, type Parts, type Readiness, slowestPace } from '@inferry/runtime';
import { createAssetLinks } from './assets/asset-links.ts';
import { createAssetTable } from './assets/asset-table.ts';
import { findStored } from './assets/own-assets.ts';
import { createPolicies, createQuota } from './assets/quota.ts';
import { type Sweeper, startSweeper } from './assets/sweeper.ts';
import type { UploadDeps } from './deps.ts';
import type { AddressPolicy } from './fetch/public-connector.ts';
import { Gate } from './gate.ts';
import type { HttpTimeouts } from './http/http-deps.ts';
import { fileRoutes } from './http/routes.ts';
import { Transfers } from './http/transfers.ts';
import { handleMakeSheet } from './rpc/make-sheet.ts';
import { handleOpenAsset } from './rpc/open-asset.ts';
import { handleResolveAssets } from './rpc/resolve-assets.ts';
import { handleCreateUpload } from './tools/create-upload.ts';
import { handleDeleteAssets, handleListAssets, handleUpdateAssets } from './tools/library.ts';
import { handleUploadFile } from './tools/upload-file.ts';
import { handleViewOutput } from './tools/view-output.ts';
import { blobSource } from './view/byte-source.ts';
import { createViewer, type Viewer } from './view/viewer.ts';
import { wavePeaks } from './view/wave-peaks.ts';

export interface UploadOptions {
  /** Where clients reach `/files`. A function where the port is known only once the app listens. */
  publicUrl: string | (() => string);
  /** Where the services of this deployment reach it. */
  internalUrl: string | (() => string);
  /** Signs upload and file URLs. */
  filesSecret: Secret;
  uploadUrlSeconds?: number | undefined;
  fileUrlSeconds?: number | undefined;
  /** How much one tenant may store (default: as much as there is). */
  maxStoredBytes?: number | undefined;
  maxStoredFiles?: number | undefined;
  /** How long files live that are given no end (default: for ever). */
  fileSeconds?: number | undefined;
  /** Absolute; without it only H.264 Baseline video can be shown. */
  ffmpegPath?: string | undefined;
  /** For tests only, which have no other addresses than loopback. */
  addressPolicy?: AddressPolicy | undefined;
  timeouts?: Partial<HttpTimeouts> | undefined;
  /** Pictures and films decoded at once, each in a process of its own (default 1). */
  viewsAtOnce?: number | undefined;
  /** What decoding one may take in memory beside that process (default 400). */
  viewMemoryMb?: number | undefined;
  viewTimeoutMs?: number | undefined;
  maxUploadsAtOnce?: number | undefined;
  maxDownloadsAtOnce?: number | undefined;
  sweepEveryMs?: number | undefined;
  now?: (() => number) | undefined;
}

const defaultTimeouts: HttpTimeouts = {
  silenceMs: 60_000,
  pace: slowestPace,
  uploadMs: 3_600_000,
  lingerMs: 5_000,
};

/** A quarter for each tenant; a file that is read is read by many. */
function transfersOf(atOnce: number, perUrl: number): Transfers {
  return new Transfers({ atOnce, perTenant: Math.ceil(atOnce / 4), perUrl, reserved: Math.ceil(atOnce / 4) });
}

/** The service that owns files: its tools and rpcs on the bus, and the data plane that is mounted on an HTTP app. */
export async function createUploadService(parts: Parts, options: UploadOptions): Promise<HttpService> {
  const { bus, database, blobs, limits, log } = parts;
  const now = options.now ?? parts.now ?? Date.now;
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  // Tests have a clock of their own.
  const readNow = async () => options.now?.() ?? readDatabaseTime(database);
  const { viewsAtOnce = 1, viewMemoryMb = 400 } = options;
  const viewer = createViewer({ memoryMb: viewMemoryMb, timeoutMs: options.viewTimeoutMs ?? 20_000 });
  const assets = createAssetTable(database, now);
  const policies = createPolicies(database, { fileSeconds: options.fileSeconds });
  const quota = createQuota(database, limits, {
    bytes: options.maxStoredBytes,
    files: options.maxStoredFiles,
    bytesOf: policies.maxBytesOf,
  });
  const links = createAssetLinks({ ...options, now });
  const uploads = transfersOf(options.maxUploadsAtOnce ?? 256, 4);
  const downloads = transfersOf(options.maxDownloadsAtOnce ?? 1_024, 128);
  serveUpload(bus, {
    database,
    assets,
    quota,
    policies,
    blobs,
    links,
    copies: new Gate({ what: 'copies', atOnce: 16, waiting: 64, atOnceEach: 8, waitingEach: 16 }),
    pictures: new Gate({
      what: 'pictures',
      atOnce: viewsAtOnce,
      waiting: 32,
      atOnceEach: 1,
      waitingEach: 12,
      turnMs: 3_000,
    }),
    viewer,
    addressPolicy: options.addressPolicy ?? {},
    uploadUrlSeconds: options.uploadUrlSeconds ?? 900,
    ffmpegPath: options.ffmpegPath,
    readOutputs: async (runId, call) => (await bus.call(readOutputs, { run_id: runId }, call)).outputs,
    forgetPayload: (input, call) => bus.call(forgetPayload, input, call),
    now,
  });
  const sweeper = startSweeper(
    { assets, blobs, limits, database, policies, log, readNow },
    // An upload that began in time may still run for as long as one may take.
    { everyMs: options.sweepEveryMs ?? 60_000, batchSize: 100, pendingGraceMs: timeouts.uploadMs + 300_000 },
  );
  return {
    name: 'upload',
    routes: (app) =>
      fileRoutes(app, { assets, quota, blobs, limits, links, uploads, downloads, timeouts, log, now }),
    readiness: () => readinessOf(parts),
    async drain(graceMs) {
      await Promise.all([uploads.drain(graceMs), downloads.drain(graceMs), sweeper.stop()]);
    },
    close: () => closeAll({ sweeper, viewer }, [uploads, downloads]),
  };
}

function serveUpload(bus: Bus, deps: UploadDeps): void {
  bus.serve(createUpload, handleCreateUpload(deps));
  bus.serve(uploadFile, handleUploadFile(deps));
  bus.serve(viewOutput, handleViewOutput(deps));
  bus.serve(listAssets, handleListAssets(deps));
  bus.serve(updateAssets, handleUpdateAssets(deps));
  bus.serve(deleteAssets, handleDeleteAssets(deps));
  bus.serve(openAsset, handleOpenAsset(deps));
  bus.serve(resolveAssets, handleResolveAssets(deps));
  bus.serve(readWaveform, async ({ asset_id: assetId }, { principal }) => {
    const asset = await findStored(deps, principal.subject, assetId);
    return wavePeaks(blobSource(deps.blobs, asset.blob_key ?? '', asset.size_bytes ?? 0));
  });
  bus.serve(makeSheet, handleMakeSheet(deps));
  bus.serve(readStorage, async (_input, { principal }) => {
    const { bytes, files } = await deps.quota.limitsOf(principal.subject);
    return {
      ...(await deps.quota.usageOf(principal.subject)),
      ...(bytes === undefined ? {} : { max_bytes: bytes }),
      ...(files === undefined ? {} : { max_files: files }),
    };
  });
}

/** Files are read and stored without the store of limits; what it is missed for is told, and is no reason to serve nothing. */
async function readinessOf({ bus, database, blobs, limits }: Parts): Promise<Readiness> {
  const silent: Record<string, string> = {};
  const ask = (name: string, check: Promise<unknown>) =>
    check.catch(() => {
      silent[name] = 'does not answer';
    });
  await Promise.all([
    ask('database', database.ping()),
    ask('blobs', blobs.ping()),
    ask('limits', limits.ping()),
  ]);
  const problems = bus.problem === undefined ? silent : { ...silent, bus: bus.problem };
  return { isReady: Object.keys(problems).every((name) => name === 'limits'), problems };
}

async function closeAll(
  { sweeper, viewer }: { sweeper: Sweeper; viewer: Viewer },
  transfers: readonly Transfers[],
): Promise<void> {
  await Promise.all([sweeper.stop(), viewer.close()]);
  await Promise.all(transfers.map((each) => each.drain(0)));
}
