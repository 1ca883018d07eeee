import type { RpcContract } from '../operation.ts';
import { readJwks, readRevocations, verifyKey } from './auth.ts';
import { listProviders, prepareRun, prepareRuns } from './catalog.ts';
import {
  readClientEvents,
  readEventKey,
  subscribeClientEvents,
  unsubscribeClientEvents,
} from './client-events.ts';
import { browseRuns, operate, readOperation, readSpend } from './console.ts';
import {
  listConnections,
  openCredential,
  readAccess,
  readVaultKey,
  releaseCredential,
  reportCredential,
  verifyPassthrough,
} from './credentials.ts';
import {
  forgetPayload,
  readBudgets,
  readDeliveries,
  readOutputs,
  readUsage,
  replayWebhook,
} from './inference.ts';
import { makeSheet, openAsset, readStorage, readWaveform, resolveAssets } from './upload.ts';

/** Every internal request. */
export const rpcs: readonly RpcContract[] = [
  verifyKey,
  readRevocations,
  readJwks,
  readVaultKey,
  openCredential,
  readAccess,
  reportCredential,
  releaseCredential,
  verifyPassthrough,
  listConnections,
  prepareRun,
  prepareRuns,
  listProviders,
  readUsage,
  readBudgets,
  readOutputs,
  readDeliveries,
  replayWebhook,
  forgetPayload,
  readClientEvents,
  readEventKey,
  subscribeClientEvents,
  unsubscribeClientEvents,
  browseRuns,
  readSpend,
  readOperation,
  operate,
  openAsset,
  resolveAssets,
  readStorage,
  readWaveform,
  makeSheet,
];
