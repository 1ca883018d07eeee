import type { RpcContract } from '../contract.ts';
import { readRevocations, verifyKey } from './auth.ts';
import { listProviders, prepareRun } from './catalog.ts';
import { readBudgets, readOutputs, readUsage } from './inference.ts';
import { openAsset, resolveAssets } from './upload.ts';

/** Every internal request. */
export const rpcs: readonly RpcContract[] = [
  verifyKey,
  readRevocations,
  prepareRun,
  listProviders,
  readUsage,
  readBudgets,
  readOutputs,
  openAsset,
  resolveAssets,
];
